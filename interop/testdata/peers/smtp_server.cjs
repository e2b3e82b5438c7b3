// smtp-server on two ports of 127.0.0.1, for one user. See ../../peers.sh.
const fs = require("fs");
const path = require("path");
const crypto = require("crypto");
const { SMTPServer } = require("smtp-server");

const [smtp, smtps, cert, key, mail] = process.argv.slice(2);
const { USER_NAME, USER_PASSWORD, USER_TOKEN } = process.env;

function refused(code, message) {
  return Object.assign(new Error(message), { responseCode: code });
}

function options(secure) {
  return {
    secure,
    key: fs.readFileSync(key),
    cert: fs.readFileSync(cert),
    name: "mail.example.test",
    authMethods: ["PLAIN", "LOGIN", "XOAUTH2"],
    authOptional: true,
    onAuth(auth, session, done) {
      if (auth.method === "XOAUTH2") {
        if (auth.username === USER_NAME && auth.accessToken === USER_TOKEN) return done(null, { user: auth.username });
        return done(null, { data: { status: "401", schemes: "bearer", scope: "https://mail.example.test/" } });
      }
      if (auth.authzid && auth.authzid !== auth.username) return done(refused(535, "5.7.8 Not for others"));
      if (auth.username === USER_NAME && auth.password === USER_PASSWORD) return done(null, { user: auth.username });
      return done(refused(535, "5.7.8 Credentials refused"));
    },
    onRcptTo(address, session, done) {
      if (!session.user && !/^[^@%!]+@example[.]test$/.test(address.address)) return done(refused(550, "5.7.1 No relay"));
      return done();
    },
    onData(stream, session, done) {
      const name = path.join(mail, crypto.randomBytes(8).toString("hex"));
      stream.pipe(fs.createWriteStream(name)).on("finish", () => done());
    },
  };
}

new SMTPServer(options(false)).listen(Number(smtp), "127.0.0.1");
new SMTPServer(options(true)).listen(Number(smtps), "127.0.0.1");
