"""The ways out: mail, chat services, webhooks. Each sends one message and waits for the receiver's answer."""
