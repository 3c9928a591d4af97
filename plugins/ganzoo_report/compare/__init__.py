"""Shows several runs side by side, in the terminal and as a page. It reads only the runs' directories."""
