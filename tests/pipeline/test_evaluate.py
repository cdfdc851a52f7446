import numpy as np

from kit.pipeline import evaluate


def test_counts_agree_with_a_plain_computation() -> None:
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet(np.ones(10), 500).astype(np.float32)
    labels = generator.integers(0, 10, 500).astype(np.uint8)
    kept = {f"test/{key}": value for key, value in evaluate.predictions(probabilities, labels).items()}
    counts = evaluate.counts(kept, "test")
    best = [sorted(range(10), key=lambda c: -row[c])[:3] for row in probabilities]
    assert counts["n"] == 500
    assert counts["top3_correct"] == sum(label in three for label, three in zip(labels, best, strict=True))
    for true in range(10):
        for predicted in range(10):
            expected = sum(b[0] == predicted for b, label in zip(best, labels, strict=True) if label == true)
            assert counts["confusion"][true][predicted] == expected
    assert np.isclose(counts["loss_sum"], -np.log(probabilities[np.arange(500), labels].astype(np.float64)).sum())


def test_equal_probabilities_go_to_the_lower_class_and_a_zero_is_no_infinite_loss() -> None:
    kept = evaluate.predictions(np.array([[0.5, 0.5] + [0.0] * 8], np.float32), np.array([9], np.uint8))
    assert kept["top3"].tolist() == [[0, 1, 2]]
    counts = evaluate.counts({f"test/{key}": value for key, value in kept.items()}, "test")
    assert np.isclose(counts["loss_sum"], -np.log(1e-7))
