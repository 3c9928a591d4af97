"""Several runs side by side, in the terminal and as a page, made of what lies in their directories and nothing else."""
