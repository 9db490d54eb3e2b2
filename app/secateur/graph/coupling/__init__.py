"""Which channels of which layers can only leave together."""
