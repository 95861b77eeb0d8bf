/* SPDX-License-Identifier: ISC */
/* Bytes from text; see bytes.h. */
#include <config.h>

#include "settings/bytes.h"

#include "memory.h"
#include "protocol/tlv.h"
#include "settings/words.h"

#include <string.h>
#include <strings.h>
#include <sys/mman.h>

/* Room for what either kind may have. */
#define MAPPED PP_V2_MAX

/* How the value of a vector is written. */
enum writing { TEXT, HEX, ZEROES };

struct kind {
	const char *name;
	unsigned type;
	enum writing writing;
	size_t max;
};

/* Section 2.2, "pp2_tlv". */
static const struct kind kinds[] = {
	{ "alpn", 0x01, TEXT, PP_VECTORS_MAX },
	{ "authority", 0x02, TEXT, PP_VECTORS_MAX },
	{ "noop", 0x04, ZEROES, PP_VECTORS_MAX },
	{ "unique-id", 0x05, TEXT, PP_UNIQUE_ID_MAX },
	{ "ssl", 0x20, HEX, PP_VECTORS_MAX },
	{ "netns", 0x30, TEXT, PP_VECTORS_MAX },
};

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at;

	if (c == '\0')
		return -1;
	at = strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
	return at == NULL ? -1 : (int)(at - digits);
}

/* The byte that two hexadecimal digits are, or -1. */
static int two_digits(const char *text)
{
	int high = digit(text[0]);
	int low = high < 0 ? -1 : digit(text[1]);

	return low < 0 ? -1 : high << 4 | low;
}

/* "0xEA" or "0x4" */
static bool parse_type(const struct pp_word *name, struct kind *kind)
{
	int type;

	if (name->length < 3 || name->length > 4 ||
	    strncasecmp(name->start, "0x", 2) != 0)
		return false;
	type = name->length == 4 ? two_digits(name->start + 2)
				 : digit(name->start[2]);
	*kind = (struct kind){ NULL, (unsigned)type, HEX, PP_VECTORS_MAX };
	return type >= 0;
}

static bool find_kind(const struct pp_word *name, struct kind *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (pp_word_is(name, kinds[i].name)) {
			*kind = kinds[i];
			return true;
		}
	return parse_type(name, kind);
}

/* How many bytes a value is. */
static bool value_length(const struct kind *kind, const struct pp_word *value,
			 size_t *length)
{
	unsigned number = 0;

	switch (kind->writing) {
	case TEXT:
		*length = value->length;
		return true;
	case HEX:
		*length = value->length / 2;
		return value->length % 2 == 0;
	default:
		if (!pp_number(value->start, value->length, PP_VECTORS_MAX,
			       &number))
			return false;
		*length = number;
		return true;
	}
}

/* Writes it; memory fresh from the kernel is zero. */
static bool write_value(const struct kind *kind, const struct pp_word *value,
			size_t length, uint8_t *to)
{
	int byte;

	if (kind->writing == TEXT)
		memcpy(to, value->start, length);
	for (size_t i = 0; kind->writing == HEX && i < length; i++) {
		byte = two_digits(value->start + 2 * i);
		if (byte < 0)
			return false;
		to[i] = (uint8_t)byte;
	}
	return true;
}

/* Adds the vector that a word is. */
static bool add_vector(const struct pp_word *word, struct pp_bytes *bytes)
{
	const char *equals = memchr(word->start, '=', word->length);
	struct pp_word name = { .start = word->start };
	struct pp_word value;
	uint8_t *at = bytes->at + bytes->length;
	struct kind kind;
	size_t length;

	if (equals == NULL)
		return false;
	name.length = (size_t)(equals - word->start);
	value.start = equals + 1;
	value.length = word->length - name.length - 1;
	if (!find_kind(&name, &kind) || !value_length(&kind, &value, &length) ||
	    length > kind.max ||
	    length + PP_TLV_FIXED > PP_VECTORS_MAX - bytes->length)
		return false;
	at[0] = (uint8_t)kind.type;
	at[1] = (uint8_t)(length >> 8);
	at[2] = (uint8_t)length;
	bytes->length += PP_TLV_FIXED + length;
	return write_value(&kind, &value, length, at + PP_TLV_FIXED);
}

static bool map(struct pp_bytes *bytes)
{
	void *memory = pp_memory_map(MAPPED);

	if (memory == NULL)
		return false;
	*bytes = (struct pp_bytes){ .at = memory };
	return true;
}

const char *pp_vectors_parse(const char *text, struct pp_bytes *bytes)
{
	const char *rest = text;
	struct pp_bytes read = { NULL, 0 };
	struct pp_word word;

	if (strcasecmp(text, PP_BYTES_NONE) == 0) {
		*bytes = read;
		return NULL;
	}
	if (pp_word_count(text) == 0 || !map(&read))
		return text;
	while (pp_word_next(&rest, &word)) {
		if (add_vector(&word, &read))
			continue;
		pp_bytes_free(&read);
		return word.start;
	}
	*bytes = read;
	return NULL;
}

/*
 * The byte at *text, which moves behind it; -1 where an escape is none of
 * ours.
 */
static int next_byte(const char **text)
{
	const char *at = *text;
	int byte;

	*text = at + 1;
	if (*at != '\\')
		return (unsigned char)*at;
	*text = at + 2;
	switch (at[1]) {
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	case '\\':
		return '\\';
	case 'x':
		byte = two_digits(at + 2);
		*text = at + 4;
		return byte;
	default:
		return -1;
	}
}

const char *pp_verbatim_parse(const char *text, struct pp_bytes *bytes)
{
	struct pp_bytes read = { NULL, 0 };
	const char *rest = text;
	int byte;

	if (strcasecmp(text, PP_BYTES_NONE) == 0) {
		*bytes = read;
		return NULL;
	}
	if (*text == '\0' || !map(&read))
		return text;
	while (*rest != '\0') {
		byte = next_byte(&rest);
		if (byte < 0 || read.length == PP_V2_MAX) {
			pp_bytes_free(&read);
			return text;
		}
		read.at[read.length++] = (uint8_t)byte;
	}
	*bytes = read;
	return NULL;
}

void pp_bytes_free(struct pp_bytes *bytes)
{
	if (bytes->at != NULL)
		munmap(bytes->at, MAPPED);
	*bytes = (struct pp_bytes){ NULL, 0 };
}
