/* SPDX-License-Identifier: ISC */
/* The part of the note that is a filter; see note_filter.h. */
#include <config.h>

#include "preload/server/note_filter.h"

#include "preload/server/bpf.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/* The instructions of a note. */
enum {
	STEP_PASS,	/* where the filter begins and ends */
	STEP_MAGIC,
	STEP_FORM,
	STEP_RECORD,
	STEP_LAST = STEP_RECORD + PP_RECORD_WORDS,	/* the kernel wants it */
	STEPS,
};

#define FORM 1	/* of the packed record */
#define MAGIC 0x50505859	/* what no filter loads by chance */

static struct pp_bpf pass(void)
{
	return (struct pp_bpf){ .code = PP_BPF_RETURN,
				 .k = PP_BPF_EVERYTHING };
}

static struct pp_bpf load(unsigned word)
{
	return (struct pp_bpf){ .code = PP_BPF_LOAD, .k = word };
}

static void spell(struct pp_bpf note[STEPS],
		  const struct pp_record *record)
{
	note[STEP_PASS] = pass();
	note[STEP_MAGIC] = load(MAGIC);
	note[STEP_FORM] = load(FORM);
	for (int i = 0; i < PP_RECORD_WORDS; i++)
		note[STEP_RECORD + i] = load(record->word[i]);
	note[STEP_LAST] = pass();
}

/* Is it a note, by its every instruction? The record may still be damaged. */
static bool read_record(const struct pp_bpf note[STEPS],
			struct pp_record *record)
{
	struct pp_bpf expected[STEPS];

	for (int i = 0; i < PP_RECORD_WORDS; i++)
		record->word[i] = note[STEP_RECORD + i].k;
	spell(expected, record);
	return memcmp(note, expected, sizeof(expected)) == 0;
}

/*
 * The filter of a socket, STEPS instructions. Returns their number, 0 where
 * there is no filter, or -1 where it is a longer one, or none of this kind.
 */
static int get_filter(int fd, struct pp_bpf note[STEPS])
{
	socklen_t steps = STEPS;	/* counts instructions, not bytes */

	/* valgrind takes it for bytes */
	memset(note, 0, STEPS * sizeof(*note));
	if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, note, &steps) != 0)
		return -1;
	return (int)steps;
}

bool pp_note_filter_read(int fd, struct pp_peer *peer)
{
	struct pp_bpf note[STEPS];
	struct pp_record record;

	return get_filter(fd, note) == STEPS && read_record(note, &record) &&
	       pp_record_unpack(peer, &record);
}

bool pp_note_filter_write(int fd, const struct pp_peer *peer)
{
	struct pp_bpf before[STEPS], note[STEPS];
	struct pp_bpf_program filter = { .length = STEPS, .steps = note };
	struct pp_record record, old;
	int steps = get_filter(fd, before);

	if (steps != 0 && (steps != STEPS || !read_record(before, &old)))
		return false;
	pp_record_pack(&record, peer);
	spell(note, &record);
	if (steps == STEPS && memcmp(before, note, sizeof(note)) == 0)
		return true;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
			  sizeof(filter)) == 0;
}
