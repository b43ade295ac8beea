"""What tables and labels of the window ask: item models and plain presenters, testable without a window."""
