"""Conversion of a trained network to .tflite and .onnx files, each checked before it is kept."""
