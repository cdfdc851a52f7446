"""From images to evaluated .tflite files: dataset, train, prune, convert, evaluate, and the runner that orders them."""
