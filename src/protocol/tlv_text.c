/* SPDX-License-Identifier: ISC */
/* Type-length-value vectors as text, for a log; see tlv.h. */
#include <config.h>

#include "protocol/tlv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* So much of a value is written: characters of text, or bytes. */
#define TEXT_MAX 64
#define BYTES_MAX 24

/* The longest name, and a value with its marks. */
#define ONE_MAX (PP_TLV_NAME_MAX + TEXT_MAX + 16)

/* Stands for what is left out. */
static const char more[] = "...";

/* A text as far as it has come, in room for size bytes. */
struct text {
	char *at;
	size_t size;
	size_t length;
};

/* What finds no room is cut. */
__attribute__((format(printf, 2, 3)))
static void append_format(struct text *text, const char *format, ...)
{
	size_t left = text->size - text->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->at + text->length, left, format, arguments);
	va_end(arguments);
	if (length > 0)
		text->length += (size_t)length < left ? (size_t)length
						      : left - 1;
}

const char *pp_tlv_name(unsigned type)
{
	static const struct {
		unsigned type;
		char name[PP_TLV_NAME_MAX];
	} names[] = {
		{ 0x01, "alpn" },	 { 0x02, "authority" },
		{ 0x03, "crc32c" },	 { 0x04, "noop" },
		{ 0x05, "unique-id" },	 { 0x20, "ssl" },
		{ 0x21, "ssl-version" }, { 0x22, "ssl-cn" },
		{ 0x23, "ssl-cipher" },	 { 0x24, "ssl-sig-alg" },
		{ 0x25, "ssl-key-alg" }, { 0x26, "ssl-group" },
		{ 0x27, "ssl-sig-scheme" },
		{ 0x28, "ssl-client-cert" },
		{ 0x30, "netns" },	 { 0xe0, "gcp" },
		{ 0xea, "aws" },	 { 0xee, "azure" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	return NULL;
}

/* Letters, digits and signs that a terminal shows as they are. */
static bool is_plain(uint8_t byte)
{
	return byte >= ' ' && byte < 0x7f;
}

/*
 * Is a value to be read as text? Where a number comes before it, as in what
 * clouds send, it still is.
 */
static bool is_text(const uint8_t *value, size_t length)
{
	size_t others = 0;

	for (size_t i = 0; i < length; i++)
		others += !is_plain(value[i]);
	return 4 * others <= length;
}

/* Quoted, so that a client's text cannot be taken for the log's. */
static void append_text(struct text *text, const uint8_t *value, size_t length)
{
	size_t begin = text->length + 1, i;

	append_format(text, "\"");
	for (i = 0; i < length && text->length - begin < TEXT_MAX - 3; i++)
		append_format(text,
			      !is_plain(value[i]) ? "\\x%02x"
			      : value[i] == '"' || value[i] == '\\' ? "\\%c"
								    : "%c",
			      value[i]);
	append_format(text, "\"%s", i < length ? more : "");
}

static void append_bytes(struct text *text, const uint8_t *value, size_t length)
{
	append_format(text, "0x");
	for (size_t i = 0; i < length && i < BYTES_MAX; i++)
		append_format(text, "%02x", value[i]);
	if (length > BYTES_MAX)
		append_format(text, "%s", more);
}

static void write_one(struct text *one, const struct pp_tlv *tlv)
{
	const char *name = pp_tlv_name(tlv->type);

	if (name != NULL)
		append_format(one, "%s=", name);
	else
		append_format(one, "0x%02x=", tlv->type);
	if (tlv->type == PP_TLV_SSL && tlv->length >= PP_SSL_FIXED)
		append_bytes(one, tlv->value, PP_SSL_FIXED);
	else if (is_text(tlv->value, tlv->length))
		append_text(one, tlv->value, tlv->length);
	else
		append_bytes(one, tlv->value, tlv->length);
}

/* False where there was no room for it: the text then says that there is more. */
static bool append_one(struct text *text, const struct pp_tlv *tlv)
{
	char at[ONE_MAX];
	struct text one = { .at = at, .size = sizeof(at) };
	const char *comma = text->length == 0 ? "" : ", ";
	bool fits;

	write_one(&one, tlv);
	fits = text->length + strlen(comma) + one.length +
		       strlen(", ") + sizeof(more) <= text->size;
	append_format(text, "%s%s", comma, fits ? at : more);
	return fits;
}

/* Those of an SSL vector have names of their own, and follow it. */
static bool append_vectors(struct text *text, const uint8_t *bytes, size_t size,
			   bool within_ssl)
{
	struct pp_tlv tlv;
	size_t offset = 0;
	bool fits = true;

	while (fits && pp_tlv_next(bytes, size, &offset, &tlv) == PP_TLV_FOUND) {
		fits = append_one(text, &tlv);
		if (fits && !within_ssl && tlv.type == PP_TLV_SSL &&
		    tlv.length > PP_SSL_FIXED)
			fits = append_vectors(text, tlv.value + PP_SSL_FIXED,
					      tlv.length - PP_SSL_FIXED, true);
	}
	return fits;
}

void pp_tlv_list(const uint8_t *bytes, size_t size, char *text, size_t room)
{
	struct text list = { .at = text, .size = room };

	text[0] = '\0';
	append_vectors(&list, bytes, size, false);
}
