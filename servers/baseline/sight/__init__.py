"""What the pixel baseline sees: frames in, a scene of solids, paths and a moving camera out."""
