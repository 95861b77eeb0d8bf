/* SPDX-License-Identifier: ISC */
/* Bytes of a header from text: vectors, all of it; see lists.h. */
#include <config.h>

#include "settings/lists.h"

#include "protocol/header.h"
#include "protocol/tlv.h"

#include <string.h>

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

/* The number that so many hexadecimal digits are, or -1. */
static int parse_hex(const char *text, size_t count)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	int number = 0;

	for (size_t i = 0; i < count; i++) {
		const char *at = memchr(digits, text[i], sizeof(digits) - 1);

		if (at == NULL)
			return -1;
		number = number << 4 | (int)(at - digits) % 16;
	}
	return number;
}

/* "0xEA" or "0x4" */
static bool parse_type(const struct pp_word *name, struct kind *kind)
{
	int type;

	if (name->length < 3 || name->length > 4 ||
	    !pp_text_is(name->start, 2, "0x"))
		return false;
	type = parse_hex(name->start + 2, name->length - 2);
	*kind = (struct kind){ NULL, (unsigned)type, HEX, PP_VECTORS_MAX };
	return type >= 0;
}

static bool find_kind(const struct pp_word *name, struct kind *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (pp_text_is(name->start, name->length, kinds[i].name)) {
			*kind = kinds[i];
			return true;
		}
	return parse_type(name, kind);
}

/* Writes a value of at most room bytes; memory fresh from the kernel is zero. */
static bool write_value(enum writing writing, const struct pp_word *value,
			unsigned room, uint8_t *to, unsigned *length)
{
	if (writing == ZEROES)
		return pp_number(value->start, value->length, room, length);
	*length = (unsigned)value->length / (writing == HEX ? 2 : 1);
	if (*length > room || (writing == HEX && value->length % 2 != 0))
		return false;
	if (writing == TEXT)
		memcpy(to, value->start, *length);
	for (size_t i = 0; writing == HEX && i < *length; i++) {
		int byte = parse_hex(value->start + 2 * i, 2);

		if (byte < 0)
			return false;
		to[i] = (uint8_t)byte;
	}
	return true;
}

/* Adds the vector that a word is. */
static bool add_vector(const struct pp_word *word, struct pp_bytes *vectors)
{
	const char *equals = memchr(word->start, '=', word->length);
	uint8_t *at = (uint8_t *)vectors->at + vectors->length;
	size_t room = PP_VECTORS_MAX - vectors->length;
	struct pp_word name = { .start = word->start };
	struct pp_word value;
	struct kind kind;
	unsigned length;

	if (equals == NULL || room < PP_TLV_FIXED)
		return false;
	room -= PP_TLV_FIXED;
	name.length = (size_t)(equals - word->start);
	value.start = equals + 1;
	value.length = word->length - name.length - 1;
	if (!find_kind(&name, &kind) ||
	    !write_value(kind.writing, &value,
			 (unsigned)(kind.max < room ? kind.max : room),
			 at + PP_TLV_FIXED, &length))
		return false;
	at[0] = (uint8_t)kind.type;
	at[1] = (uint8_t)(length >> 8);
	at[2] = (uint8_t)length;
	vectors->length += PP_TLV_FIXED + length;
	return true;
}

const struct pp_list pp_vectors = {
	.none = PP_BYTES_NONE,
	.separators = PP_SEPARATORS,
	.size = PP_VECTORS_MAX,
	.add = add_vector,
};

/* The byte at *text, which moves behind it; -1: an escape is none of ours. */
static int next_byte(const char **text)
{
	const char *at = *text;

	*text = at + 1;
	if (*at != '\\')
		return (unsigned char)*at;
	*text = at + (at[1] == 'x' ? 4 : 2);
	switch (at[1]) {
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	case '\\':
		return '\\';
	case 'x':
		return parse_hex(at + 2, 2);
	default:
		return -1;
	}
}

static bool add_bytes(const struct pp_word *text, struct pp_bytes *bytes)
{
	const char *rest = text->start;
	uint8_t *at = bytes->at;

	while (*rest != '\0') {
		int byte = next_byte(&rest);

		if (byte < 0 || bytes->length == PP_V2_MAX)
			return false;
		at[bytes->length++] = (uint8_t)byte;
	}
	return true;
}

const struct pp_list pp_verbatim = {
	.none = PP_BYTES_NONE,
	.separators = "",
	.size = PP_V2_MAX,
	.add = add_bytes,
};
