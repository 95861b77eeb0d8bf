/* SPDX-License-Identifier: ISC */
/* Who is behind a descriptor; see names.h. */
#include <config.h>

#include "preload/server/names.h"

#include "connection/note.h"
#include "preload/configuration.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/server/headers_kept.h"
#include "preload/server/peers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/uio.h>

void pp_identity_show(struct pp_kernel_name *name,
		      const union pp_address *stated, const socklen_t *room)
{
	sa_family_t family = name->sa.sa_family;
	union pp_address shown;

	pp_address_on_socket(&shown, stated, family);
	if (shown.sa.sa_family != family && room != NULL &&
	    *room < pp_address_length(&shown))
		return;
	name->length = pp_address_length(&shown);
	memcpy(&name->storage, &shown, name->length);
}

#ifdef PP_GETPEERNAME_CACHE

static struct pp_peers peers;

void pp_identity_prepare(void)
{
	pp_process_prepare();
}

/* What was kept for fd was of another connection. */
static void drop_header(int fd)
{
	if (pp_headers_have(fd) && !pp_process_is_guest())
		pp_headers_drop(fd);
}

void pp_identity_set(int fd, const union pp_address *proxy,
		     const struct pp_header *header, const uint8_t *bytes)
{
	struct pp_peer peer = { .kernel = *proxy,
				.source = header->source,
				.destination = header->destination,
				.header = header->version };

	if (header->command == PP_COMMAND_LOCAL)
		peer.header |= PP_PEER_LOCAL;
	drop_header(fd);
	if (pp_header_has_more(header)) {
		peer.header |= PP_PEER_MORE;
		if (bytes != NULL && !pp_process_is_guest())
			pp_headers_keep(fd, proxy, bytes, header->length);
	}
	pp_peers_set(&peers, fd, &peer);
}

void pp_identity_forget(int fd)
{
	drop_header(fd);
	pp_peers_forget(&peers, fd);
}

void pp_identity_close(int fd)
{
	drop_header(fd);
}

void pp_identity_forget_older(int fd)
{
	struct pp_peer peer;
	int error = errno;

	if (pp_peers_look(&peers, fd, &peer) && !pp_process_is_guest())
		pp_identity_forget(fd);
	errno = error;
}

/* Whom the kernel names as the peer of a TCP connection. */
static bool get_peer(int fd, union pp_address *peer)
{
	struct pp_kernel_name name = { .length = sizeof(name.storage) };

	if (real_getpeername(fd, &name.sa, &name.length) != 0)
		return false;
	pp_address_from_kernel(peer, &name.sa, name.length);
	return pp_family_is_internet(peer->sa.sa_family);
}

/*
 * What is known of fd, in this process or by a note that came along. Whoever
 * starts a setuid program must not steer what it believes: he could have
 * written the note.
 */
static bool find(int fd, const union pp_address *kernel, struct pp_peer *peer)
{
	if (pp_peers_get(&peers, fd, kernel, peer))
		return true;
	return getauxval(AT_SECURE) == 0 && pp_note_read(fd, kernel, peer) &&
	       pp_family_is_internet(peer->source.sa.sa_family);
}

static int copy_out(const struct pp_kernel_name *name,
		    struct sockaddr *address, socklen_t *length)
{
	if (pp_sockaddr_copy_out(&name->sa, name->length, address, length))
		return 0;
	errno = EINVAL;
	return -1;
}

int pp_identity_getpeername(int fd, struct sockaddr *address,
			    socklen_t *length)
{
	struct pp_kernel_name name = { .length = sizeof(name.storage) };
	union pp_address kernel;
	struct pp_peer peer;
	int error = errno;

	if (!pp_is_on() || address == NULL || length == NULL)
		return real_getpeername(fd, address, length);
	if (real_getpeername(fd, &name.sa, &name.length) != 0)
		return -1;
	pp_address_from_kernel(&kernel, &name.sa, name.length);
	if (pp_family_is_internet(kernel.sa.sa_family) &&
	    find(fd, &kernel, &peer))
		pp_identity_show(&name, &peer.source, length);
	errno = error;
	return copy_out(&name, address, length);
}

/*
 * Is anything known of fd that the kernel's peer could confirm? Spares
 * getsockname of a listener, and of a UDP socket, one system call.
 */
static bool may_be_known(int fd)
{
	struct pp_peer peer;

	return pp_peers_look(&peers, fd, &peer) || pp_note_is_there(fd);
}

int pp_identity_getsockname(int fd, struct sockaddr *address,
			    socklen_t *length)
{
	struct pp_kernel_name name = { .length = sizeof(name.storage) };
	union pp_address kernel;
	struct pp_peer peer;
	int error = errno;

	if (!pp_is_on() || address == NULL || length == NULL)
		return real_getsockname(fd, address, length);
	if (real_getsockname(fd, &name.sa, &name.length) != 0)
		return -1;
	if (pp_family_is_internet(name.sa.sa_family) && may_be_known(fd) &&
	    get_peer(fd, &kernel) && find(fd, &kernel, &peer) &&
	    pp_family_is_internet(peer.destination.sa.sa_family))
		pp_identity_show(&name, &peer.destination, length);
	errno = error;
	return copy_out(&name, address, length);
}

/* Writes the header again that says no more than the record. */
static size_t format(const struct pp_peer *peer, uint8_t *bytes, size_t size)
{
	unsigned version = peer->header & PP_PEER_VERSION;

	if (pp_family_is_internet(peer->source.sa.sa_family))
		return pp_header_format(version, &peer->source,
					&peer->destination, bytes, size);
	return pp_header_format_unspec(version,
				       peer->header & PP_PEER_LOCAL
					       ? PP_COMMAND_LOCAL
					       : PP_COMMAND_PROXY,
				       bytes, size);
}

/* Copies as much of the header as size allows; 0 where it got lost. */
static size_t copy_header(int fd, const struct pp_peer *peer, void *bytes,
			  size_t size)
{
	uint8_t header[PP_FORMAT_MAX];
	size_t length;

	if (peer->header & PP_PEER_MORE)
		return pp_process_is_guest() ? 0
					    : pp_headers_get(fd, &peer->kernel,
							     bytes, size);
	length = format(peer, header, sizeof(header));
	if (size > 0)
		memcpy(bytes, header, size < length ? size : length);
	return length;
}

ssize_t pp_identity_get_header(int fd, void *bytes, size_t size)
{
	struct pp_kernel_name name = { .length = sizeof(name.storage) };
	union pp_address kernel;
	struct pp_peer peer;
	int error = errno;
	size_t length;

	if (real_getpeername(fd, &name.sa, &name.length) != 0)
		return -1;
	pp_address_from_kernel(&kernel, &name.sa, name.length);
	if (!pp_peers_look(&peers, fd, &peer) || peer.header == 0 ||
	    !pp_address_equal(&peer.kernel, &kernel)) {
		errno = ENODATA;
		return -1;
	}
	length = copy_header(fd, &peer, bytes, size);
	errno = length > 0 ? error : ENOBUFS;
	return length > 0 ? (ssize_t)length : -1;
}

/*
 * Leaves what is known of fd with its socket; that there is no client, too:
 * then nobody looks for a header once more (inetd.c).
 */
static void leave(int fd)
{
	union pp_address kernel;
	struct pp_peer peer;

	if (get_peer(fd, &kernel) && pp_peers_look(&peers, fd, &peer) &&
	    pp_address_equal(&peer.kernel, &kernel))
		pp_note_write(fd, &peer);
}

void pp_identity_leave(int fd)
{
	struct pp_peer peer;
	int error = errno;

	if (pp_peers_used(&peers) && pp_peers_look(&peers, fd, &peer))
		leave(fd);
	errno = error;
}

void pp_identity_duplicate(int from, int to)
{
	struct pp_peer peer;
	int error = errno;
	bool known;

	if (from == to || !pp_peers_used(&peers))
		return;
	known = pp_peers_look(&peers, from, &peer);
	if (!known && !pp_peers_look(&peers, to, &peer))
		return;
	/* for a child of vfork the socket itself keeps it */
	if (pp_process_is_guest()) {
		leave(from);
	} else if (known) {
		if (pp_headers_have(from) || pp_headers_have(to))
			pp_headers_duplicate(from, to);
		pp_peers_set(&peers, to, &peer);
	} else {
		pp_identity_forget(to);
	}
	errno = error;
}

void pp_identity_leave_by_exec(void)
{
	int end = pp_peers_end(&peers);
	struct pp_peer peer;
	int error = errno;

	for (int fd = 0; fd < end; fd++) {
		int flags;

		if (!pp_peers_look(&peers, fd, &peer))
			continue;
		flags = real_fcntl(fd, F_GETFD, 0);
		if (flags < 0)
			/* closed: not to be asked for again */
			pp_identity_forget_older(fd);
		else if (!(flags & FD_CLOEXEC))
			leave(fd);
	}
	errno = error;
}

/*
 * Calls what for every descriptor in a message. Ends where a length is a lie:
 * the kernel takes no such message.
 */
static void each_descriptor(const struct msghdr *message, void (*what)(int fd))
{
	/* the macros take what they only read by another type */
	struct msghdr *m = (struct msghdr *)(uintptr_t)message;
	const char *end = (const char *)m->msg_control + m->msg_controllen;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
	     c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_len > (size_t)(end - (const char *)c))
			return;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0);
		     at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, (char *)c + at, sizeof(fd));
			what(fd);
		}
	}
}

void pp_identity_leave_by_message(const struct msghdr *message)
{
	if (pp_peers_used(&peers) && message != NULL &&
	    message->msg_control != NULL)
		each_descriptor(message, pp_identity_leave);
}

void pp_identity_leave_by_messages(const struct mmsghdr *messages,
				   size_t count)
{
	if (!pp_peers_used(&peers) || messages == NULL)
		return;
	/* the kernel takes no more of them at once */
	for (size_t i = 0; i < count && i < UIO_MAXIOV; i++)
		pp_identity_leave_by_message(&messages[i].msg_hdr);
}

void pp_identity_arrive_by_message(const struct msghdr *message)
{
	if (pp_peers_used(&peers) && message->msg_control != NULL)
		each_descriptor(message, pp_identity_forget_older);
}

#endif
