/* SPDX-License-Identifier: ISC */
/* Who is behind a socket, as the program asks for it; see names.h. */
#include <config.h>

#include "preload/server/names.h"

#include "api/proxyproto.h"
#include "connection/calls.h"
#include "connection/names.h"
#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/server/kept_headers.h"

#include <errno.h>
#include <string.h>

/* Puts an internet address in place of the kernel's. */
static void set_name(struct pp_kernel_name *name,
		     const union pp_address *address)
{
	name->length = pp_address_length(address);
	memcpy(&name->storage, address, name->length);
}

void pp_name_show(struct pp_kernel_name *name, const union pp_address *client,
		  const socklen_t *room)
{
	union pp_address shown;

	if (pp_names_show_client(pp_configuration(), client,
				 name->sa.sa_family, room, &shown))
		set_name(name, &shown);
}

static struct pp_kept kept;

/*
 * The note on fd, whose peer the kernel names so, or NULL where it names none;
 * if it counts by the settings, as far as they are read.
 */
static bool read_note(int fd, const union pp_address *kernel,
		      struct pp_note *note)
{
	struct pp_note_bytes bytes;

	return pp_is_usable() && pp_names_trust(pp_configuration(), kernel) &&
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
	found = read_note(fd, named ? &name.address : NULL, &note);
	if (!named && !(found && get_name(real_getsockname, fd, &name))) {
		errno = ENOTCONN;
		return -1;
	}
	if (found)
		pp_name_show(&name, &note.source, length);
	errno = error;
	return copy_out(&name, address, length);
}

PP_EXPORT int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	const struct pp_settings *settings = pp_configuration();
	struct pp_kernel_name name;
	union pp_address shown;
	struct pp_note note;
	int error = errno;

	if (!pp_is_usable() || address == NULL || length == NULL)
		return real_getsockname(fd, address, length);
	if (!get_name(real_getsockname, fd, &name))
		return -1;
	if (pp_family_is_internet(name.sa.sa_family) &&
	    pp_names_read_note(settings, fd, &shown, &note) &&
	    pp_names_show_destination(settings, &note, name.sa.sa_family,
				      length, &shown))
		set_name(&name, &shown);
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
