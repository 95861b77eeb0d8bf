/* SPDX-License-Identifier: ISC */
/*
 * What the server's hooks do: accept a connection, take its header off, show
 * the client, and remember it for getpeername.
 */
#include <config.h>

#include "accept.h"

#include "address.h"
#include "configuration.h"
#include "log.h"
#include "peers.h"
#include "policy.h"
#include "real.h"
#include "receive.h"
#include "receive_wait.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* A socket address of any family, as the kernel fills it in. */
struct kernel_name {
	socklen_t length;
	union {
		struct sockaddr sa;
		struct sockaddr_storage storage;
	};
};

#ifdef PP_GETPEERNAME_CACHE
static struct pp_peers peers;
#endif

static void remember(int fd, const union pp_address *proxy,
		     const struct pp_header *header)
{
#ifdef PP_GETPEERNAME_CACHE
	struct pp_peer peer = { .kernel = *proxy,
				.source = header->source,
				.destination = header->destination };

	pp_peers_set(&peers, fd, &peer);
#else
	(void)fd, (void)proxy, (void)header;
#endif
}

static void forget(int fd)
{
#ifdef PP_GETPEERNAME_CACHE
	pp_peers_forget(&peers, fd);
#else
	(void)fd;
#endif
}

static void log_header(int fd, const union pp_address *proxy,
		       const struct pp_header *header)
{
	char by[PP_ADDRESS_TEXT], from[PP_ADDRESS_TEXT], to[PP_ADDRESS_TEXT];

	pp_log(pp_library,
	       "accept: fd %d: v%u %s header of %zu bytes from proxy %s: "
	       "client %s, destination %s",
	       fd, header->version,
	       header->command == PP_COMMAND_LOCAL ? "LOCAL" : "PROXY",
	       header->length, pp_address_text(proxy, by, sizeof(by)),
	       pp_address_text(&header->source, from, sizeof(from)),
	       pp_address_text(&header->destination, to, sizeof(to)));
}

static void log_outcome(int fd, const union pp_address *proxy,
			const char *outcome, const char *reason)
{
	char by[PP_ADDRESS_TEXT];

	pp_log(pp_library, "accept: fd %d: %s: %s, from %s", fd, outcome,
	       reason, pp_address_text(proxy, by, sizeof(by)));
}

/* A header was taken off: shows and remembers whom it states. */
static void take_over(int fd, const union pp_address *proxy,
		      const struct pp_header *header, struct kernel_name *name)
{
	union pp_address client;

	if (header->source.sa.sa_family == AF_UNSPEC) {
		forget(fd);
		return;
	}
	remember(fd, proxy, header);
	pp_address_on_socket(&client, &header->source, proxy->sa.sa_family);
	name->length = pp_address_length(&client);
	memcpy(&name->storage, &client, sizeof(client));
}

/* Decides on a connection without a header that counts. */
static bool admit_bare(int fd, const union pp_address *proxy,
		       const struct pp_settings *settings, const char *reason)
{
	bool admitted = !settings->must_use || !pp_is_tcp_socket(fd);

	if (settings->debug)
		log_outcome(fd, proxy, admitted ? "handed over" : "dropped",
			    reason);
	if (admitted)
		forget(fd);
	return admitted;
}

/*
 * Decides on a connection: true to hand it over, under the name that is in
 * *name then, false to drop it. Protocols other than TCP are left alone; that
 * is asked only where more than a look is about to happen.
 */
static bool admit(int fd, struct kernel_name *name, bool *interrupted)
{
	const struct pp_settings *settings = pp_configuration();
	struct pp_receive receive;
	enum pp_received received;
	union pp_address proxy;

	pp_address_from_kernel(&proxy, &name->sa, name->length);
	if (!pp_family_is_internet(proxy.sa.sa_family))
		return true;
	switch (pp_policy(settings, fd, &proxy)) {
	case PP_POLICY_UNTRUSTED:
		return admit_bare(fd, &proxy, settings, "not trusted");
	case PP_POLICY_OTHER_PORT:
		forget(fd);
		return true;
	default:
		break;
	}
	pp_receive_start(&receive, fd, settings->versions);
	received = pp_receive_step(&receive, false);
	if (received == PP_RECEIVED_MORE)
		received = pp_is_tcp_socket(fd)
				   ? pp_receive_wait(&receive,
						     settings->timeout,
						     interrupted)
				   : PP_RECEIVED_NONE;
	pp_receive_end(&receive);
	switch (received) {
	case PP_RECEIVED_HEADER:
		take_over(fd, &proxy, &receive.header, name);
		if (settings->debug)
			log_header(fd, &proxy, &receive.header);
		return true;
	case PP_RECEIVED_MALFORMED:
		if (settings->debug)
			log_outcome(fd, &proxy, "dropped", receive.header.reason);
		return false;
	default:
		return admit_bare(fd, &proxy, settings, "no header");
	}
}

/* admit, as what is no cancellation point and keeps errno. */
static bool admit_undisturbed(int fd, struct kernel_name *name,
			      bool *interrupted)
{
	int error = errno;
	bool admitted;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	admitted = admit(fd, name, interrupted);
	if (!admitted)
		close(fd);
	pthread_setcancelstate(state, NULL);
	errno = error;
	return admitted;
}

static int accept_real(const struct pp_accept_call *call,
		       struct sockaddr *address, socklen_t *length)
{
	if (call->accept4)
		return real_accept4(call->listener, address, length,
				    call->flags);
	return real_accept(call->listener, address, length);
}

/*
 * Gives an accepted connection and its name to the program. Only now is its
 * *length looked at: whatever else is wrong with a call the kernel says first.
 */
static int hand_over(const struct pp_accept_call *call, int fd,
		     const struct kernel_name *name)
{
	int state;

	if (pp_sockaddr_copy_out(&name->sa, name->length, call->address,
				 call->length))
		return fd;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	close(fd);
	pthread_setcancelstate(state, NULL);
	errno = EINVAL;
	return -1;
}

int pp_accept(const struct pp_accept_call *call)
{
	bool interrupted = false;
	struct kernel_name name;
	int fd;

	if (!pp_configuration_allows(call->listener)) {
		errno = EINVAL;
		return -1;
	}
	if (pp_configuration()->versions == PP_VERSION_NONE ||
	    (call->address != NULL && call->length == NULL))
		return accept_real(call, call->address, call->length);
	for (;;) {
		name.length = sizeof(name.storage);
		fd = accept_real(call, &name.sa, &name.length);
		if (fd < 0)
			return fd;
		if (admit_undisturbed(fd, &name, &interrupted))
			break;
		if (interrupted) {
			/* as accept(2) would have been, had it still waited */
			errno = EINTR;
			return -1;
		}
	}
	return hand_over(call, fd, &name);
}

#ifdef PP_GETPEERNAME_CACHE
int pp_getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	union pp_address proxy, client;
	struct kernel_name name;
	struct pp_peer peer;

	if (!pp_peers_used(&peers) || address == NULL || length == NULL)
		return real_getpeername(fd, address, length);
	name.length = sizeof(name.storage);
	if (real_getpeername(fd, &name.sa, &name.length) != 0)
		return -1;
	pp_address_from_kernel(&proxy, &name.sa, name.length);
	if (pp_peers_get(&peers, fd, &proxy, &peer)) {
		pp_address_on_socket(&client, &peer.source,
				     proxy.sa.sa_family);
		name.length = pp_address_length(&client);
		memcpy(&name.storage, &client, sizeof(client));
	}
	if (pp_sockaddr_copy_out(&name.sa, name.length, address, length))
		return 0;
	errno = EINVAL;
	return -1;
}
#endif
