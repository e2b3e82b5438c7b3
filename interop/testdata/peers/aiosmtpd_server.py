"""aiosmtpd on two ports of 127.0.0.1, for one user. See ../../peers.sh."""

import os
import re
import ssl
import sys
import tempfile
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

smtp, smtps, cert, key, mail = sys.argv[1:]
user, password = os.environ["USER_NAME"].encode(), os.environ["USER_PASSWORD"].encode()


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (user, password)
    return AuthResult(success=good, handled=False, auth_data=data.login if good else None)


class Store:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if not session.authenticated and not re.fullmatch("[^@%!]+@example[.]test", address):
            return "550 5.7.1 No relay"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        with tempfile.NamedTemporaryFile(dir=mail, delete=False) as file:
            file.write(envelope.original_content)
        return "250 2.0.0 Stored"


tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(cert, key)
shared = dict(hostname="127.0.0.1", authenticator=authenticate)
controllers = [
    Controller(Store(), port=int(smtp), tls_context=tls, auth_require_tls=True, **shared),
    Controller(Store(), port=int(smtps), ssl_context=tls, auth_require_tls=False, **shared),
]
for controller in controllers:
    controller.start()
threading.Event().wait()
