"""Do tests with a higher mutation score catch real bugs more often? See bench_bug_fixes.py."""
