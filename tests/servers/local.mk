# SPDX-License-Identifier: ISC
# They ask getpeername or getsockname.
if GETPEERNAME_CACHE
TESTS += \
	tests/servers/asyncio_server.py \
	tests/servers/erlang.py \
	tests/servers/memcached.py \
	tests/servers/node.py \
	tests/servers/perl_inet.py \
	tests/servers/redis.py \
	tests/servers/trusted_proxy.py
endif
TESTS += \
	tests/servers/clients.py \
	tests/servers/health.py \
	tests/servers/http_server.py \
	tests/servers/manual.py \
	tests/servers/netcat.py \
	tests/servers/nginx.py \
	tests/servers/readme.py
EXTRA_DIST += \
	tests/fixture/described.py \
	tests/fixture/evidence.py \
	tests/fixture/ftp.py \
	tests/fixture/haproxy.py \
	tests/fixture/manual.py \
	tests/fixture/matrix.py \
	tests/fixture/recipes.py \
	tests/fixture/root.py \
	tests/fixture/servers.py \
	tests/fixture/sessions.py \
	tests/fixture/started.py \
	tests/fixture/syslog.py \
	tests/fixture/unix_servers.py \
	tests/servers/README \
	tests/servers/admin_agents.py \
	tests/servers/apache.py \
	tests/servers/asyncio_server.py \
	tests/servers/clients.py \
	tests/servers/demo.py \
	tests/servers/deployment.py \
	tests/servers/dnsmasq.py \
	tests/servers/directories_and_proxies.py \
	tests/servers/dns_over_tcp.py \
	tests/servers/dovecot.py \
	tests/servers/echo.escript \
	tests/servers/erlang.py \
	tests/servers/exim.py \
	tests/servers/file_servers.py \
	tests/servers/haproxy_itself.py \
	tests/servers/health.py \
	tests/servers/hello.c \
	tests/servers/http_server.py \
	tests/servers/inetd.py \
	tests/servers/java.py \
	tests/servers/lighttpd.py \
	tests/servers/mail_filters.py \
	tests/servers/manual.py \
	tests/servers/mariadb.py \
	tests/servers/matrix.py \
	tests/servers/memcached.py \
	tests/servers/mosquitto.py \
	tests/servers/netcat.py \
	tests/servers/nginx.py \
	tests/servers/nginx_stream.py \
	tests/servers/opensmtpd.py \
	tests/servers/perl_inet.py \
	tests/servers/ngircd.py \
	tests/servers/node.py \
	tests/servers/node_cluster.py \
	tests/servers/php.py \
	tests/servers/php_sockets.py \
	tests/servers/postfix.py \
	tests/servers/postgresql.py \
	tests/servers/proftpd.py \
	tests/servers/pureftpd.py \
	tests/servers/queues_and_logs.py \
	tests/servers/rack_and_psgi.py \
	tests/servers/readme.py \
	tests/servers/redis.py \
	tests/servers/ruby.py \
	tests/servers/socat.py \
	tests/servers/socket_activate.py \
	tests/servers/socket_server.py \
	tests/servers/sshd.py \
	tests/servers/tcpserver.py \
	tests/servers/telephony_and_chat.py \
	tests/servers/tell_client.py \
	tests/servers/tinyproxy.py \
	tests/servers/trusted_proxy.py \
	tests/servers/unbound.py \
	tests/servers/unix_sockets.py \
	tests/servers/unreachable.py \
	tests/servers/vsftpd.py \
	tests/servers/wsgi.py \
	tests/servers/xinetd.py
