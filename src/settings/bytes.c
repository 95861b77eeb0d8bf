/* SPDX-License-Identifier: ISC */
/* Bytes of a header from text: vectors, all of it; see lists.h. */
#include <config.h>

#include "settings/lists.h"

#include "protocol/header.h"
#include "protocol/tlv.h"

#include <string.h>
#include <strings.h>

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
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = memchr(digits, c, sizeof(digits) - 1);

	return at == NULL ? -1 : (int)(at - digits) % 16;
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
static bool add_vector(const struct pp_word *word, struct pp_bytes *vectors)
{
	const char *equals = memchr(word->start, '=', word->length);
	uint8_t *at = (uint8_t *)vectors->at + vectors->length;
	struct pp_word name = { .start = word->start };
	struct pp_word value;
	struct kind kind;
	size_t length;

	if (equals == NULL)
		return false;
	name.length = (size_t)(equals - word->start);
	value.start = equals + 1;
	value.length = word->length - name.length - 1;
	if (!find_kind(&name, &kind) || !value_length(&kind, &value, &length) ||
	    length > kind.max ||
	    length + PP_TLV_FIXED > PP_VECTORS_MAX - vectors->length)
		return false;
	at[0] = (uint8_t)kind.type;
	at[1] = (uint8_t)(length >> 8);
	at[2] = (uint8_t)length;
	vectors->length += PP_TLV_FIXED + length;
	return write_value(&kind, &value, length, at + PP_TLV_FIXED);
}

const struct pp_list pp_vectors = {
	.none = PP_BYTES_NONE,
	.separators = PP_SEPARATORS,
	.size = PP_VECTORS_MAX,
	.add = add_vector,
};

/*
 * The byte at *text, which moves behind it; -1 where an escape is none of
 * ours.
 */
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
		return two_digits(at + 2);
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
