"""Tools of the project itself: they write its generated pages and try its endurance. Not installed."""
