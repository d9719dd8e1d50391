"""HTTP in, HTTP out: blueprints, parameters, problem+json, headers. Decides nothing about deals."""
