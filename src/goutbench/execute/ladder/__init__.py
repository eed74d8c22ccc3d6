"""The steps that one candidate climbs, from syntax to mutation score."""
