"""A run's report: one page that needs no network, made of what lies in the run's folder and nothing else."""
