# SPDX-License-Identifier: ISC
"""Application servers of Python, and an application for each."""
import unittest

import fixture
from fixture.described import HTTP, HTTP_ANSWER, HTTP_TELLS, DescribedCase

WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("%(PATH_INFO)s %(REMOTE_ADDR)s %(REMOTE_PORT)s\\n"
             % environ).encode()]
"""


class WSGICase(DescribedCase):
    files = {"app.py": WSGI}
    request = HTTP
    answer = HTTP_ANSWER
    tells = HTTP_TELLS
    # Python's socket asks for an address with room for IPv4 only
    takes_ipv6_on_ipv4 = False


class Gunicorn(WSGICase, unittest.TestCase):
    program = "gunicorn"
    packages = ("gunicorn",)
    command = "gunicorn --workers 2 --bind @address@ app"


class UWSGI(WSGICase, unittest.TestCase):
    program = "uWSGI"
    packages = ("uwsgi-core", "uwsgi-plugin-python3")
    command = "uwsgi --plugin python3 --http-socket @address@ --module app"
    files = {"app.py": WSGI.replace(" %(REMOTE_PORT)s", "")}
    answer = "/@word@ @client@\n"
    tells = "the application's REMOTE_ADDR"
    takes_ipv6_on_ipv4 = True
    tells_mapped = False


class Waitress(WSGICase, unittest.TestCase):
    program = "Waitress"
    packages = ("python3-waitress",)
    command = "waitress-serve --listen @address@ app:application"


class Cheroot(WSGICase, unittest.TestCase):
    program = "Cheroot, of CherryPy"
    packages = ("python3-cheroot",)
    command = "python3 -m cheroot --bind @address@ app"


class Gevent(WSGICase, unittest.TestCase):
    program = "gevent pywsgi"
    packages = ("python3-gevent",)
    command = "python3 serve.py"
    files = WSGICase.files | {"serve.py": """
from gevent.pywsgi import WSGIServer
from app import application
WSGIServer(("@host@", @port@), application).serve_forever()
"""}


class Eventlet(WSGICase, unittest.TestCase):
    program = "eventlet"
    packages = ("python3-eventlet",)
    command = "python3 serve.py"
    files = WSGICase.files | {"serve.py": """
import socket
import eventlet.wsgi
from app import application
family = socket.AF_INET6 if ":" in "@host@" else socket.AF_INET
eventlet.wsgi.server(eventlet.listen(("@host@", @port@), family), application)
"""}


class Tornado(WSGICase, unittest.TestCase):
    program = "Tornado"
    packages = ("python3-tornado",)
    tells = "the application's connection.context"
    command = "python3 serve.py"
    files = {"serve.py": """
import tornado.ioloop
import tornado.web
class Tell(tornado.web.RequestHandler):
    def get(self):
        host, port = self.request.connection.context.address[:2]
        self.write("%s %s %s\\n" % (self.request.path, host, port))
tornado.web.Application([(".*", Tell)]).listen(@port@, "@host@")
tornado.ioloop.IOLoop.current().start()
"""}


class Twisted(WSGICase, unittest.TestCase):
    program = "Twisted Web"
    packages = ("python3-twisted",)
    tells = "the application's getClientAddress, getHost"
    answer = "/@word@ @client@ @client_port@ @reached@ @reached_port@\n"
    command = "python3 serve.py"
    files = {"serve.py": """
from twisted.internet import reactor
from twisted.web import resource, server
class Tell(resource.Resource):
    isLeaf = True
    def render_GET(self, request):
        client, host = request.getClientAddress(), request.getHost()
        return b"%s %s %d %s %d\\n" % (
            request.path, client.host.encode(), client.port,
            host.host.encode(), host.port)
reactor.listenTCP(@port@, server.Site(Tell()), interface="@host@")
reactor.run()
"""}


class Uvicorn(WSGICase, unittest.TestCase):
    program = "uvicorn"
    packages = ("python3-uvicorn",)
    tells = "the application's client, server"
    answer = "/@word@ @client@ @client_port@ @reached@ @reached_port@\n"
    command = "python3 -m uvicorn --host @host@ --port @port@ app:application"
    files = {"app.py": """
async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    text = "%s %s %s %s %s\\n" % (scope["path"], *scope["client"],
                                  *scope["server"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})
"""}


class AioHTTP(WSGICase, unittest.TestCase):
    program = "aiohttp"
    packages = ("python3-aiohttp",)
    tells = "the application's get_extra_info"
    command = "python3 serve.py"
    files = {"serve.py": """
from aiohttp import web
async def tell(request):
    host, port = request.transport.get_extra_info("peername")[:2]
    return web.Response(text="%s %s %s\\n" % (request.path, host, port))
application = web.Application()
application.add_routes([web.get("/{any}", tell)])
web.run_app(application, host="@host@", port=@port@)
"""}


if __name__ == "__main__":
    fixture.main()
