#!/usr/bin/env bash
#
# Real mail servers for the tests of this directory, on loopback.
#
#   interop/peers.sh install   packages of Debian and npm; starts nothing
#   interop/peers.sh start     starts what is installed, and says what is not
#   interop/peers.sh stop      stops what it started, and nothing else
#   interop/peers.sh run       start, the tests that need peers, stop
#
# It needs root, for servers that change their user, and Debian; without them it
# says so and does nothing. Configuration, mail and logs are in PEERS_DIR
# (default: postern-peers in TMPDIR), and the servers' own in /etc are neither
# read nor changed. The tests find the servers by PEERS_DIR/peers.json, which
# POSTERN_PEERS names:
#
#   POSTERN_PEERS=$PEERS_DIR/peers.json go test -v -run TestPeers ./interop
#
# Arguments of "run" are handed on to go test, such as -update.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
dir=${PEERS_DIR:-${TMPDIR:-/tmp}/postern-peers}
readonly dir
readonly user=kim@example.test domain=example.test
readonly smtp_server=3.21.6 # of npm

skip() {
	echo "skipped: $*"
	exit 0
}

need_root() {
	((EUID == 0)) || skip "servers that change their user need root"
	[[ -e /etc/debian_version ]] || skip "packages and paths are Debian's"
}

# own_dir makes dir, which has to be root's: others may write to where it lies.
own_dir() {
	umask 022
	mkdir -p "$dir"
	if [[ -L $dir || ! -O $dir ]]; then
		echo "$dir is not yours: name another directory by PEERS_DIR" >&2
		exit 1
	fi
	chmod 755 "$dir"
}

# Where it is installed.
readonly packages=(postfix dovecot-core chasquid python3-aiosmtpd swaks libnet-ssleay-perl msmtp curl openssl)

# Exim and Postfix cannot both be installed, so Exim is unpacked below dir, and
# what it needs installed.
readonly exim_packages=(exim4-daemon-heavy exim4-base)
readonly exim_needs=(libdb5.3 libgnutls-dane0 libidn12 libldap-2.5-0 libmariadb3 libpq5 libspf2-2 libperl5.36 libpam0g libsqlite3-0)
readonly exim=$dir/exim/root/usr/sbin/exim4

# no_service makes sure that installing starts no service: policy-rc.d has to
# say 101 (invoke-rc.d(8)). If there is none, there is one until the end.
no_service() {
	local policy=/usr/sbin/policy-rc.d status=0
	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	fi
	$policy postfix start || status=$?
	((status == 101)) || skip "$policy lets services start; it has to exit with 101"
}

install_all() {
	export DEBIAN_FRONTEND=noninteractive
	no_service
	apt-get update
	apt-get install --yes --no-install-recommends "${packages[@]}" "${exim_needs[@]}"
	mkdir -p "$dir/exim/root" "$dir/exim/packages" "$dir/node"
	(
		cd "$dir/exim/packages"
		apt-get -o APT::Sandbox::User=root download "${exim_packages[@]}"
		for package in *.deb; do dpkg --extract "$package" "$dir/exim/root"; done
	)
	getent passwd Debian-exim >/dev/null ||
		useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin Debian-exim
	if command -v npm >/dev/null; then
		npm install --prefix "$dir/node" --no-fund --no-audit "smtp-server@$smtp_server"
	fi
}

# free_port prints a port of 127.0.0.1 on which nobody listens, each time another.
next_port=$((20000 + RANDOM % 10000))
free_port() {
	while (exec 3<>"/dev/tcp/127.0.0.1/$next_port") 2>/dev/null; do next_port=$((next_port + 1)); done
	port=$next_port
	next_port=$((next_port + 1))
}

# wait_port waits until somebody listens, for 20 seconds.
wait_port() {
	local tries
	for ((tries = 0; tries < 100; tries++)); do
		if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
		sleep 0.2
	done
	return 1
}

# version prints the version of a package.
version() { dpkg-query --show --showformat '${Version}' "$1"; }

# certificates makes an authority and a certificate for 127.0.0.1.
certificates() {
	mkdir -p "$dir/tls"
	(
		cd "$dir/tls"
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=interop' -keyout ca.key -out ca.pem \
			-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
		openssl req -newkey rsa:2048 -nodes -subj '/CN=mail.example.test' -keyout key.pem -out request.pem
		openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out cert.pem \
			-extfile <(echo 'subjectAltName=IP:127.0.0.1,DNS:mail.example.test')
		chmod 644 key.pem # for servers that have changed their user; it is good for nothing else
	) >"$dir/tls/log" 2>&1
}

# peer notes a peer for the tests: name, software, port with STARTTLS, port with
# TLS from the start or "", directory of the messages, how tokens are checked.
peers=()
peer() {
	local smtps=
	[[ -z $4 ]] || smtps=127.0.0.1:$4
	wait_port "$3" || {
		echo "$1: nobody listens on port $3; see $dir" >&2
		return 1
	}
	peers+=("$(printf '{"name": "%s", "software": "%s", "smtp": "127.0.0.1:%s", "smtps": "%s", "mail": "%s", "tokens": "%s"}' \
		"$1" "$2" "$3" "$smtps" "$5" "$6")")
	echo "$1: $2 on 127.0.0.1:$3"
}

absent() { echo "$1: not installed"; }

# mailbox makes a directory that nobody, and the user with that name, can write to.
mailbox() {
	mkdir -p "$1"
	chown nobody "$1"
}

# daemon runs a server that stays in the foreground as the user nobody.
daemon() {
	local name=$1
	shift
	setpriv --reuid=nobody --regid=nogroup --clear-groups "$@" </dev/null >"$dir/$name/log" 2>&1 &
	echo $! >"$dir/$name/pid"
}

# Dovecot does the sign-ins of Postfix and Exim. It asks the authority of the
# tests about tokens, which is there while they run.
start_dovecot() {
	local at=$dir/dovecot
	mkdir -p "$at"
	echo "$user:{PLAIN}$password" >"$at/users"
	cat >"$at/oauth2.conf" <<-END
		introspection_mode = post
		introspection_url = https://127.0.0.1:$authority/introspect
		tls_allow_invalid_cert = yes
		active_attribute = active
		active_value = true
		username_attribute = username
		openid_configuration_url = https://127.0.0.1:$authority/.well-known/openid-configuration
	END
	cat >"$at/dovecot.conf" <<-END
		base_dir = $at/run
		state_dir = $at/run
		log_path = $at/log
		protocols =
		ssl = no
		auth_mechanisms = plain login scram-sha-1 scram-sha-256 xoauth2 oauthbearer
		auth_failure_delay = 0
		passdb {
		  driver = passwd-file
		  mechanisms = plain login scram-sha-1 scram-sha-256
		  args = $at/users
		}
		passdb {
		  driver = oauth2
		  mechanisms = xoauth2 oauthbearer
		  args = $at/oauth2.conf
		}
		userdb {
		  driver = static
		  args = uid=nobody gid=nogroup home=/nonexistent
		}
		service auth {
		  unix_listener auth-client {
		    mode = 0666
		  }
		}
		service anvil { # which makes addresses wait whose logins have failed
		  unix_listener anvil-auth-penalty {
		    mode = 0
		  }
		}
	END
	dovecot -c "$at/dovecot.conf"
}

start_postfix() {
	local at=$dir/postfix smtp smtps
	free_port && smtp=$port
	free_port && smtps=$port
	mkdir -p "$at/etc" "$at/queue" "$at/data"
	chown postfix "$at/data"
	mailbox "$at/mail"
	cat >"$at/etc/main.cf" <<-END
		compatibility_level = 3.6
		queue_directory = $at/queue
		data_directory = $at/data
		daemon_directory = /usr/lib/postfix/sbin
		command_directory = /usr/sbin
		maillog_file = $at/log
		maillog_file_prefixes = $at
		myhostname = mail.$domain
		mydestination =
		mynetworks =
		inet_interfaces = 127.0.0.1
		inet_protocols = ipv4
		virtual_mailbox_domains = $domain
		virtual_mailbox_base = $at/mail
		virtual_mailbox_maps = static:all/
		virtual_uid_maps = static:$(id -u nobody)
		virtual_gid_maps = static:$(id -g nobody)
		default_transport = error:5.7.1 no mail leaves this machine
		relay_transport = error:5.7.1 no mail leaves this machine
		smtpd_tls_security_level = may
		smtpd_tls_auth_only = yes
		smtpd_tls_cert_file = $dir/tls/cert.pem
		smtpd_tls_key_file = $dir/tls/key.pem
		smtpd_sasl_auth_enable = yes
		smtpd_sasl_type = dovecot
		smtpd_sasl_path = $dir/dovecot/run/auth-client
		smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
		smtpd_client_connection_count_limit = 0
		smtpd_client_connection_rate_limit = 0
	END
	cat >"$at/etc/master.cf" <<-END
		127.0.0.1:$smtp  inet n - n - - smtpd
		127.0.0.1:$smtps inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
		pickup    unix  n - n 60    1 pickup
		cleanup   unix  n - n -     0 cleanup
		qmgr      unix  n - n 300   1 qmgr
		tlsmgr    unix  - - n 1000? 1 tlsmgr
		rewrite   unix  - - n -     - trivial-rewrite
		bounce    unix  - - n -     0 bounce
		defer     unix  - - n -     0 bounce
		trace     unix  - - n -     0 bounce
		verify    unix  - - n -     1 verify
		flush     unix  n - n 1000? 0 flush
		proxymap  unix  - - n -     - proxymap
		error     unix  - - n -     - error
		retry     unix  - - n -     - error
		virtual   unix  - n n -     - virtual
		anvil     unix  - - n -     1 anvil
		postlog   unix-dgram n - n - 1 postlogd
	END
	postfix -c "$at/etc" start >"$at/start" 2>&1 || {
		cat "$at/start"
		return 1
	}
	peer postfix-dovecot "Postfix $(postconf -c "$at/etc" -h mail_version), Dovecot $(dovecot --version | cut -d' ' -f1)" \
		"$smtp" "$smtps" "$at/mail" authority
}

start_exim() {
	local at=$dir/exim smtp smtps
	free_port && smtp=$port
	free_port && smtps=$port
	mkdir -p "$at/spool" "$at/logs"
	chown -R Debian-exim "$at/spool" "$at/logs"
	mailbox "$at/mail"
	chown Debian-exim "$at/mail"
	{
		cat <<-END
			exim_path = $exim
			primary_hostname = mail.$domain
			spool_directory = $at/spool
			log_file_path = $at/logs/%slog
			pid_file_path = $at/pid
			local_interfaces = 127.0.0.1
			daemon_smtp_ports = $smtp : $smtps
			tls_on_connect_ports = $smtps
			tls_certificate = $dir/tls/cert.pem
			tls_privatekey = $dir/tls/key.pem
			tls_advertise_hosts = *
			auth_advertise_hosts = \${if eq{\$tls_in_cipher}{}{}{*}}
			pipelining_advertise_hosts = *
			deliver_drop_privilege = true
			disable_ipv6 = true
			host_lookup =
			acl_smtp_rcpt = rcpt
			acl_smtp_data = data
			begin acl
			rcpt:
			  accept authenticated = *
			  deny local_parts = ^.*[@%!]
			       message = relay not permitted
			  accept domains = $domain
			  deny message = relay not permitted
			data:
			  accept
			begin routers
			stored:
			  driver = accept
			  domains = $domain
			  transport = stored
			begin transports
			stored:
			  driver = appendfile
			  maildir_format
			  directory = $at/mail
			  user = Debian-exim
			begin authenticators
			plain:
			  driver = plaintext
			  public_name = PLAIN
			  server_prompts = :
			  server_condition = \${if and{{or{{eq{\$auth1}{}}{eq{\$auth1}{\$auth2}}}}{eq{\$auth2}{$user}}{eq{\$auth3}{$password}}}}
			  server_set_id = \$auth2
			login:
			  driver = plaintext
			  public_name = LOGIN
			  server_prompts = Username:: : Password::
			  server_condition = \${if and{{eq{\$auth1}{$user}}{eq{\$auth2}{$password}}}}
			  server_set_id = \$auth1
		END
		for mechanism in SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2 OAUTHBEARER; do
			cat <<-END
				dovecot_$mechanism:
				  driver = dovecot
				  public_name = $mechanism
				  server_socket = $dir/dovecot/run/auth-client
				  server_set_id = \$auth1
			END
		done | sed '/^dovecot_/{s/-/_/g}'
	} >"$at/exim.conf"
	"$exim" -C "$at/exim.conf" -bd >"$at/start" 2>&1 || {
		cat "$at/start"
		return 1
	}
	peer exim "Exim $("$exim" -C "$at/exim.conf" -bV | sed -n '1s/^Exim version \([^ ]*\).*/\1/p'), Dovecot $(dovecot --version | cut -d' ' -f1)" \
		"$smtp" "$smtps" "$at/mail" authority
}

start_chasquid() {
	local at=$dir/chasquid smtp mx smtps
	free_port && smtp=$port
	free_port && mx=$port
	free_port && smtps=$port
	mkdir -p "$at/etc/certs/mail.$domain" "$at/etc/domains/$domain" "$at/data"
	cp "$dir/tls/cert.pem" "$at/etc/certs/mail.$domain/fullchain.pem"
	cp "$dir/tls/key.pem" "$at/etc/certs/mail.$domain/privkey.pem"
	mailbox "$at/mail"
	printf '#!/bin/sh\nexec cat >"$(mktemp "%s/mail/XXXXXXXX")"\n' "$at" >"$at/deliver"
	chmod 755 "$at/deliver"
	cat >"$at/etc/chasquid.conf" <<-END
		hostname: "mail.$domain"
		smtp_address: "127.0.0.1:$mx"
		submission_address: "127.0.0.1:$smtp"
		submission_over_tls_address: "127.0.0.1:$smtps"
		data_dir: "$at/data"
		mail_log_path: "$at/mail.log"
		mail_delivery_agent_bin: "$at/deliver"
	END
	chasquid-util -C="$at/etc" user-add "$user" --password="$password" >"$at/start"
	for name in sink robin; do chasquid-util -C="$at/etc" user-add "$name@$domain" --password="$password" >>"$at/start"; done
	chown -R nobody "$at"
	daemon chasquid chasquid -config_dir "$at/etc"
	peer chasquid "chasquid $(version chasquid | sed 's/-.*//')" "$smtp" "$smtps" "$at/mail" none
}

start_aiosmtpd() {
	local at=$dir/aiosmtpd smtp smtps
	free_port && smtp=$port
	free_port && smtps=$port
	mkdir -p "$at"
	mailbox "$at/mail"
	USER_NAME=$user USER_PASSWORD=$password daemon aiosmtpd \
		/usr/bin/python3 "$dir/aiosmtpd_server.py" "$smtp" "$smtps" "$dir/tls/cert.pem" "$dir/tls/key.pem" "$at/mail"
	peer aiosmtpd "aiosmtpd $(/usr/bin/python3 -c 'import aiosmtpd; print(aiosmtpd.__version__)')" "$smtp" "$smtps" "$at/mail" none
}

start_node() {
	local at=$dir/node smtp smtps
	free_port && smtp=$port
	free_port && smtps=$port
	mkdir -p "$at"
	mailbox "$at/mail"
	USER_NAME=$user USER_PASSWORD=$password USER_TOKEN=$token NODE_PATH=$at/node_modules daemon node \
		node "$dir/smtp_server.cjs" "$smtp" "$smtps" "$dir/tls/cert.pem" "$dir/tls/key.pem" "$at/mail"
	peer smtp-server "smtp-server $(node -p "require('$at/node_modules/smtp-server/package.json').version")" \
		"$smtp" "$smtps" "$at/mail" fixed
}

start_all() {
	[[ ! -e $dir/peers.json ]] || stop_all
	cp "$here"/testdata/peers/* "$dir"
	command -v openssl >/dev/null || skip "there is no openssl to make certificates"
	certificates
	password=$(openssl rand -hex 12)
	token=$(openssl rand -hex 24)
	free_port && authority=$port
	readonly password token authority

	local failed=0
	if command -v dovecot >/dev/null; then
		start_dovecot
		if command -v postfix >/dev/null; then start_postfix || failed=1; else absent postfix-dovecot; fi
		if [[ -x $exim ]]; then start_exim || failed=1; else absent exim; fi
	else
		absent dovecot, and so postfix-dovecot and exim
	fi
	if command -v chasquid >/dev/null; then start_chasquid || failed=1; else absent chasquid; fi
	if /usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null; then start_aiosmtpd || failed=1; else absent aiosmtpd; fi
	if [[ -d $dir/node/node_modules/smtp-server ]]; then start_node || failed=1; else absent smtp-server; fi

	local IFS=,
	printf '{"ca": "%s", "authority": "127.0.0.1:%s", "user": "%s", "password": "%s", "token": "%s", "peers": [%s]}\n' \
		"$dir/tls/ca.pem" "$authority" "$user" "$password" "$token" "${peers[*]}" >"$dir/peers.json"
	return $failed
}

stop_all() {
	local file pid
	if [[ -e $dir/postfix/etc/main.cf ]]; then postfix -c "$dir/postfix/etc" stop >/dev/null 2>&1 || true; fi
	if [[ -e $dir/dovecot/run/master.pid ]]; then doveadm -c "$dir/dovecot/dovecot.conf" stop || true; fi
	for file in "$dir"/{exim,chasquid,aiosmtpd,node}/pid; do
		[[ -s $file ]] || continue
		pid=$(<"$file")
		# The process may be gone, and its number another's.
		if grep -qF "$dir" "/proc/$pid/cmdline" 2>/dev/null; then kill "$pid"; fi
		rm -f "$file"
	done
	rm -f "$dir/peers.json"
}

run_all() {
	local status=0
	start_all || status=1
	if [[ -e $dir/peers.json ]]; then
		(cd "$here" && POSTERN_PEERS=$dir/peers.json go test -count=1 -v -run '^TestPeers' . "$@") || status=1
	fi
	stop_all
	return $status
}

main() {
	case ${1-} in
	install | start | stop | run) need_root ;;
	*)
		sed -n '3,20s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
		return 64
		;;
	esac
	local what=$1
	shift
	own_dir
	"${what}_all" "$@"
}

main "$@"
