"""What a fleet of Collectors does with sessions: which gateway gets which, and what each span costs."""
