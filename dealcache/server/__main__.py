"""``python -P -m dealcache.server``: gunicorn's command line, for use in any working directory."""

import os

from gunicorn.app.wsgiapp import WSGIApplication


class Gunicorn(WSGIApplication):
    """gunicorn that imports nothing from the working directory."""

    def chdir(self) -> None:
        """Enter the directory, but do not put it before all others that are searched for modules, as gunicorn does.

        A file there could have the name of any module of the standard library.
        """
        os.chdir(self.cfg.chdir)


Gunicorn("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn").run()
