"""Running mutants: what each test reaches, in which order mutants run, and by which tests."""
