"""keras_sep: online singing-voice separation.

`import keras_sep` loads neither TensorFlow nor Keras; separating needs NumPy and LiteRT alone.
"""
