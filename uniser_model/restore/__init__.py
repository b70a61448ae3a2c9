"""From a trained model to a restored photo: files in and out, masks, samplers, full size, the command's run."""
