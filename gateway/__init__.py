"""The service's side: where namespaces live and listeners and senders meet. Holds no Qt, knows no agent."""
