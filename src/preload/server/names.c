/* SPDX-License-Identifier: ISC */
/* Who is behind a socket, as the program asks for it; see names.h. */
#include <config.h>

#include "preload/server/names.h"

#include "api/proxyproto.h"
#include "connection/admission.h"
#include "connection/calls.h"
#include "connection/note.h"
#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/server/kept.h"

#include <errno.h>
#include <string.h>

void pp_name_show(struct pp_kernel_name *name, const union pp_address *stated,
		  const socklen_t *room)
{
	sa_family_t family = name->sa.sa_family;
	union pp_address shown;

	pp_address_on_socket(&shown, stated, family);
	if (pp_admission_shows_proxy(pp_configuration(), stated, family))
		return;
	if (shown.sa.sa_family != family && room != NULL &&
	    *room < pp_address_length(&shown))
		return;
	name->length = pp_address_length(&shown);
	memcpy(&name->storage, &shown, name->length);
}

static struct pp_kept kept;

/* Do the settings, as far as they are read, let this peer state a client? */
static bool is_trusted(const union pp_address *kernel)
{
	return pp_family_is_internet(kernel->sa.sa_family) && pp_is_usable() &&
	       pp_networks_have(&pp_configuration()->trusted, kernel);
}

bool pp_kernel_peer(int fd, union pp_address *peer)
{
	socklen_t length = sizeof(*peer);

	peer->sa.sa_family = AF_UNSPEC;
	return real_getpeername(fd, &peer->sa, &length) == 0;
}

/*
 * The note on fd, whose peer the kernel names so; NULL where it names none,
 * perhaps because the connection was reset on behalf of its client
 * (connection/reset.h). Then TRUSTED has no say: it is of an address that the
 * kernel named, and one outside may be why it was reset.
 */
static bool read_note(int fd, const union pp_address *kernel,
		      struct pp_note *note)
{
	struct pp_note_bytes bytes;

	return (kernel == NULL || is_trusted(kernel)) &&
	       pp_note_fetch(fd, &bytes) && pp_note_parse(&bytes, kernel, note);
}

#ifdef PP_GETPEERNAME_CACHE

static bool get_name(int (*function)(int, struct sockaddr *, socklen_t *),
		     int fd, struct pp_kernel_name *name)
{
	name->length = sizeof(name->storage);
	return function(fd, &name->sa, &name->length) == 0;
}

static int copy_out(const struct pp_kernel_name *name,
		    struct sockaddr *address, socklen_t *length)
{
	if (pp_sockaddr_copy_out(&name->sa, name->length, address, length))
		return 0;
	errno = EINVAL;
	return -1;
}

PP_EXPORT int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	struct pp_kernel_name name;
	struct pp_note note;
	int error = errno;
	bool named, found;

	if (!pp_is_usable() || address == NULL || length == NULL)
		return real_getpeername(fd, address, length);
	named = get_name(real_getpeername, fd, &name);
	if (!named && errno != ENOTCONN)
		return -1;
	found = read_note(fd, named ? &name.address : NULL, &note) &&
		note.kind != PP_NOTE_EXAMINED;
	if (!named && !(found && get_name(real_getsockname, fd, &name))) {
		errno = ENOTCONN;
		return -1;
	}
	if (found)
		pp_name_show(&name, &note.source, length);
	errno = error;
	return copy_out(&name, address, length);
}

/*
 * Where a connection of a socket of that family was made to, by its note: what
 * a header states, unless DESTINATION=socket; and with either what the kernel
 * said before a reset. The kernel's peer is asked for only where there is one.
 */
static bool get_destination(int fd, int family, union pp_address *destination)
{
	struct pp_note_bytes bytes;
	union pp_address kernel;
	struct pp_note note;
	bool named;

	if (!pp_note_fetch(fd, &bytes))
		return false;
	named = pp_kernel_peer(fd, &kernel);
	if (named ? pp_configuration()->own_destination || !is_trusted(&kernel)
		  : errno != ENOTCONN)
		return false;
	if (!pp_note_parse(&bytes, named ? &kernel : NULL, &note))
		return false;
	*destination = note.destination;
	return pp_family_is_internet(destination->sa.sa_family) &&
	       !pp_admission_shows_proxy(pp_configuration(), &note.source,
					 family);
}

PP_EXPORT int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	union pp_address destination;
	struct pp_kernel_name name;
	int error = errno;

	if (!pp_is_usable() || address == NULL || length == NULL)
		return real_getsockname(fd, address, length);
	if (!get_name(real_getsockname, fd, &name))
		return -1;
	if (pp_family_is_internet(name.sa.sa_family) &&
	    get_destination(fd, name.sa.sa_family, &destination))
		pp_name_show(&name, &destination, length);
	errno = error;
	return copy_out(&name, address, length);
}

#endif

bool pp_headers_are_kept(void)
{
	return pp_kept_is_started(&kept);
}

void pp_headers_keep(int fd, const union pp_address *kernel,
		     const struct pp_header *header, const uint8_t *bytes)
{
	uint64_t cookie;

	if (!pp_kept_is_started(&kept) || bytes == NULL ||
	    !pp_header_has_more(header))
		return;
	cookie = pp_cookie_of(fd);
	if (cookie != 0)
		pp_kept_put(&kept, cookie, kernel, bytes, header->length);
}

void pp_headers_in_child(void)
{
	pp_kept_in_child(&kept);
}

PP_EXPORT int proxyproto_keep_headers(void)
{
#ifdef PP_GETPEERNAME_CACHE
	int error = errno;

	if (!pp_kept_start(&kept))
		return -1;
	errno = error;
	return 0;
#else
	errno = ENOTSUP;
	return -1;
#endif
}

/* Writes the header again that says no more than its note; 0 if it cannot. */
static size_t format_header(const struct pp_note *note, uint8_t *bytes,
			    size_t size)
{
	unsigned version = note->header == PP_NOTE_V1 ? 1 : 2;

	if (note->kind == PP_NOTE_CLIENT)
		return pp_header_format(version, &note->source,
					&note->destination, bytes, size);
	return pp_header_format_unspec(version,
				       note->header == PP_NOTE_V2_LOCAL
					       ? PP_COMMAND_LOCAL
					       : PP_COMMAND_PROXY,
				       bytes, size);
}

/* Copies as much of the header as size allows; 0 where it got lost. */
static size_t copy_header(int fd, const union pp_address *kernel,
			  const struct pp_note *note, void *bytes, size_t size)
{
	uint8_t header[PP_FORMAT_MAX];
	size_t length;

	if (note->header == PP_NOTE_MORE)
		return pp_kept_get(&kept, pp_cookie_of(fd), kernel, bytes,
				   size);
	length = format_header(note, header, sizeof(header));
	if (size > 0)
		memcpy(bytes, header, size < length ? size : length);
	return length;
}

PP_EXPORT ssize_t proxyproto_get_header(int fd, void *bytes, size_t size)
{
	union pp_address kernel;
	struct pp_note note;
	int error = errno;
	size_t length;

	if (!pp_kernel_peer(fd, &kernel))
		return -1;
	if (!read_note(fd, &kernel, &note) ||
	    note.header == PP_NOTE_NO_HEADER) {
		errno = ENODATA;
		return -1;
	}
	length = copy_header(fd, &kernel, &note, bytes, size);
	errno = length > 0 ? error : ENOBUFS;
	return length > 0 ? (ssize_t)length : -1;
}
