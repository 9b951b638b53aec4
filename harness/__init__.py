"""What benchmarks and trials have in common: their pipelines, where they run, and the pages about what they found."""
