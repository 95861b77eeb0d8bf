/* SPDX-License-Identifier: ISC */
/* Who is behind a socket, as the program asks for it; see names.h. */
#include <config.h>

#include "supervisor/names.h"

#include "connection/note.h"
#include "supervisor/memory.h"
#include "supervisor/notifications.h"
#include "supervisor/process.h"

#include <errno.h>
#include <unistd.h>

/* Do its settings let this peer state a client? */
static bool is_trusted(struct pp_process *process,
		       const union pp_address *kernel)
{
	const struct pp_rules *rules = pp_process_rules(process);

	return rules != NULL && rules->error.text[0] == '\0' &&
	       rules->settings.versions != PP_VERSION_NONE &&
	       pp_family_is_internet(kernel->sa.sa_family) &&
	       pp_networks_have(&rules->settings.trusted, kernel);
}

/*
 * What the kernel would say of the socket, and the note on it. TRUSTED has no
 * say about one that was reset: it is of an address that the kernel named.
 */
static bool find_note(int fd, struct pp_process *process,
		      union pp_address *kernel, struct pp_note *note)
{
	struct pp_note_bytes bytes;
	socklen_t length = sizeof(*kernel);
	bool named;

	if (!pp_note_fetch(fd, &bytes))
		return false;
	named = getpeername(fd, &kernel->sa, &length) == 0;
	if (named ? !is_trusted(process, kernel) : errno != ENOTCONN)
		return false;
	return pp_note_parse(&bytes, named ? kernel : NULL, note) &&
	       note->kind != PP_NOTE_EXAMINED;
}

/*
 * The answer to a call about fd; false where the kernel has it. One of another
 * family than the socket's is told only where there is room for it.
 */
static bool find_name(const struct pp_call *call, int fd,
		      struct pp_process *process, struct pp_memory_name *to,
		      union pp_address *name)
{
	union pp_address kernel, *stated;
	struct pp_note note;
	socklen_t length = sizeof(kernel);

	if (!find_note(fd, process, &kernel, &note))
		return false;
	stated = call->name == PP_CALL_GETPEERNAME ? &note.source
						   : &note.destination;
	if (!pp_family_is_internet(stated->sa.sa_family) ||
	    getsockname(fd, &kernel.sa, &length) != 0 ||
	    !pp_memory_read_room(call->tid, to) || to->room < 0)
		return false;
	pp_address_on_socket(name, stated, kernel.sa.sa_family);
	return name->sa.sa_family == kernel.sa.sa_family ||
	       (socklen_t)to->room >= pp_address_length(name);
}

void pp_get_name(const struct pp_call *call)
{
	struct pp_memory_name to = { .address = call->arguments[1],
				     .length = call->arguments[2] };
	struct pp_process *process;
	union pp_address name;
	int fd;

	fd = pp_process_fetch(call->tid, &process, (int)call->arguments[0]);
	if (fd < 0) {
		pp_answer_continue(call);
		return;
	}
	if (to.address != 0 && find_name(call, fd, process, &to, &name))
		pp_answer(call, pp_memory_write_name(call->tid, &to, &name.sa,
						     pp_address_length(&name)));
	else
		pp_answer_continue(call);
	close(fd);
}
