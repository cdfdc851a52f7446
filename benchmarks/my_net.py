"""A network of one's own, for docs/own-data.md."""

from tf_keras import Model, layers


def build(shape, classes):
    image = layers.Input(shape)
    x = layers.Rescaling(1 / 127.5, -1)(image)
    for filters in (16, 32, 64):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    x = layers.SeparableConv2D(96, 3, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return Model(image, layers.Dense(classes, activation="softmax")(x))
