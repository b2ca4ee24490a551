"""dicesim over HTTP: an API under ``/v1``, and a page for players.

A face like the command line: it uses dicesim's public names alone. It needs the extra ``service``,
and nothing outside of this package imports it, but for the command ``dicesim serve``.
"""
