"""Why the service could not be started, or could not go on."""


class StartError(Exception):
    """A sentence for whoever typed `moggy up`."""
