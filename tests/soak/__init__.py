"""The soak: a whole deployment under mixed load while its parts are killed by turns, judged from outside.

``python -m tests.soak`` starts two instances of two workers, Redis, mongod and a simulated HubSpot. Actors read, clear,
change deals in HubSpot and have the service told of it. A model knows what each read may still return, and everything
else is a finding: a finding fails the soak. The service is spoken to as a client does, over HTTP and WebSocket alone.
"""
