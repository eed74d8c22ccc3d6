package calc

// Zero is for external tests.
const Zero = 0
