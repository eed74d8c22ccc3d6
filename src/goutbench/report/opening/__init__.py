"""What a report opens with: the verdict, and the facts that it holds for."""
