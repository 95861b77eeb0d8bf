/* SPDX-License-Identifier: ISC */
/* Who is behind a socket, as the program asks for it; see names.h. */
#include <config.h>

#include "supervisor/names.h"

#include "connection/admission.h"
#include "connection/note.h"
#include "supervisor/memory.h"
#include "supervisor/notifications.h"
#include "supervisor/tracee.h"

#include <errno.h>
#include <unistd.h>

/*
 * The settings, where nobody's statement is void by them; and how much room
 * there is for a name.
 */
static const struct pp_settings *usable_settings(struct pp_tracee *process,
						 struct pp_memory_name *to)
{
	const struct pp_rules *rules = pp_tracee_rules(process, to);

	return rules != NULL && rules->error.text[0] == '\0' &&
			       rules->settings.versions != PP_VERSION_NONE
		       ? &rules->settings
		       : NULL;
}

/*
 * The note on a socket that counts, and the socket's family: of a client stated
 * by a trusted peer, or where the kernel names none, of what it said before a
 * reset.
 */
static bool find_note(const struct pp_call *call, int fd,
		      const struct pp_settings *settings, int *family,
		      struct pp_note *note)
{
	struct pp_note_bytes bytes;
	union pp_address kernel;
	socklen_t length = sizeof(kernel);
	bool named;

	if (!pp_note_fetch(fd, &bytes))
		return false;
	named = getpeername(fd, &kernel.sa, &length) == 0;
	if (named ? !pp_networks_have(&settings->trusted, &kernel)
		  : errno != ENOTCONN)
		return false;
	if (named && call->name == PP_CALL_GETSOCKNAME &&
	    settings->own_destination)
		return false;
	if (!pp_note_parse(&bytes, named ? &kernel : NULL, note) ||
	    note->kind == PP_NOTE_EXAMINED)
		return false;
	length = sizeof(kernel);
	if (!named && getsockname(fd, &kernel.sa, &length) != 0)
		return false;
	*family = kernel.sa.sa_family;
	return true;
}

/*
 * The answer to a call about fd; false where the kernel has it. One of another
 * family than the socket's is told only where there is room for it.
 */
static bool find_name(const struct pp_call *call, int fd,
		      const struct pp_settings *settings,
		      const struct pp_memory_name *to, union pp_address *name)
{
	const union pp_address *stated;
	struct pp_note note;
	int family;

	if (!find_note(call, fd, settings, &family, &note))
		return false;
	stated = call->name == PP_CALL_GETPEERNAME ? &note.source
						   : &note.destination;
	if (!pp_family_is_internet(stated->sa.sa_family) || to->room < 0)
		return false;
	if (pp_admission_shows_proxy(settings, &note.source, family))
		return false;
	pp_address_on_socket(name, stated, family);
	return name->sa.sa_family == family ||
	       (socklen_t)to->room >= pp_address_length(name);
}

void pp_get_name(const struct pp_call *call)
{
	struct pp_memory_name to = { .address = call->arguments[1],
				     .length = call->arguments[2] };
	const struct pp_settings *settings;
	struct pp_tracee *process;
	union pp_address name;
	int fd;

	fd = pp_tracee_fetch(call->tid, &process, (int)call->arguments[0]);
	if (fd < 0) {
		pp_answer_continue(call);
		return;
	}
	settings = usable_settings(process, &to);
	/* what was found may be another process's, if the call is over */
	if (to.address != 0 && settings != NULL &&
	    find_name(call, fd, settings, &to, &name) && pp_call_is_valid(call))
		pp_answer(call, pp_memory_write_name(call->tid, &to, &name.sa,
						     pp_address_length(&name)));
	else
		pp_answer_continue(call);
	close(fd);
}
