"""What is trained on what, and how: experiments, their parts, recipes and numbers of samples."""
