/* SPDX-License-Identifier: ISC */
/* Sets of internet addresses; see networks.h. */
#include <config.h>

#include "settings/networks.h"

#include "check.h"
#include "memory.h"
#include "settings/words.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/mman.h>

/* The longest word: IPv6 text, its '\0' counted, and "/128". */
#define WORD_MAX (INET6_ADDRSTRLEN + 4)

/* All IPv4 addresses, v4-mapped. */
static const struct pp_network_range ipv4 = {
	{ 0, UINT64_C(0xffff00000000) },
	{ 0, UINT64_C(0xffffffffffff) },
};

static int compare(const struct pp_network_key *a,
		   const struct pp_network_key *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return 0;
}

static struct pp_network_key before(struct pp_network_key key)
{
	if (key.low-- == 0)
		key.high--;
	return key;
}

static struct pp_network_key after(struct pp_network_key key)
{
	if (++key.low == 0)
		key.high++;
	return key;
}

static struct pp_network_key key_of_ipv4(const struct in_addr *address)
{
	struct pp_network_key key = ipv4.first;

	key.low |= ntohl(address->s_addr);
	return key;
}

static struct pp_network_key key_of_ipv6(const struct in6_addr *address)
{
	struct pp_network_key key = { 0, 0 };

	for (int i = 0; i < 8; i++) {
		key.high = key.high << 8 | address->s6_addr[i];
		key.low = key.low << 8 | address->s6_addr[8 + i];
	}
	return key;
}

/* The bits that count up from the start of a network of that prefix length. */
static struct pp_network_key host_bits(unsigned prefix)
{
	struct pp_network_key bits = { 0, UINT64_MAX };

	if (prefix < 64)
		bits.high = UINT64_MAX >> prefix;
	else
		bits.low = prefix == 128 ? 0 : UINT64_MAX >> (prefix - 64);
	return bits;
}

/* Reads the address part of a word: its key, and how many bits it has. */
static bool parse_address(const char *text, struct pp_network_key *key,
			  unsigned *bits)
{
	struct in6_addr in6;
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) == 1) {
		*key = key_of_ipv4(&in);
		*bits = 32;
		return true;
	}
	*bits = 128;
	if (inet_pton(AF_INET6, text, &in6) != 1)
		return false;
	*key = key_of_ipv6(&in6);
	return true;
}

static bool parse_network(const struct pp_word *word,
			  struct pp_network_range *range)
{
	struct pp_network_key host;
	unsigned bits, prefix;
	char text[WORD_MAX];
	char *slash;

	if (word->length >= sizeof(text))
		return false;
	memcpy(text, word->start, word->length);
	text[word->length] = '\0';
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash++ = '\0';
	if (!parse_address(text, &range->first, &bits))
		return false;
	prefix = bits;
	if (slash != NULL && !pp_number(slash, strlen(slash), bits, &prefix))
		return false;
	host = host_bits(128 - bits + prefix);
	range->last.high = range->first.high | host.high;
	range->last.low = range->first.low | host.low;
	return ((range->first.high & host.high) |
		(range->first.low & host.low)) == 0;
}

/*
 * Adds a range; an IPv6 one around all of IPv4 without IPv4. There is no
 * other overlap: what begins within IPv4 was written as IPv4.
 */
static void add(struct pp_networks *networks, struct pp_network_range range)
{
	struct pp_network_range *end = networks->ranges + networks->count;

	if (compare(&range.first, &ipv4.first) < 0 &&
	    compare(&range.last, &ipv4.last) >= 0) {
		end->first = range.first;
		end->last = before(ipv4.first);
		end++;
		range.first = after(ipv4.last);
	}
	if (compare(&range.first, &range.last) <= 0)
		*end++ = range;
	networks->count = (size_t)(end - networks->ranges);
}

/* Lets the range at the root of a heap, the last one on top, sink. */
static void sink(struct pp_network_range *ranges, size_t root, size_t count)
{
	struct pp_network_range range = ranges[root];
	size_t child;

	while ((child = 2 * root + 1) < count) {
		if (child + 1 < count && compare(&ranges[child].first,
						 &ranges[child + 1].first) < 0)
			child++;
		if (compare(&range.first, &ranges[child].first) >= 0)
			break;
		ranges[root] = ranges[child];
		root = child;
	}
	ranges[root] = range;
}

/* Heapsort by where a range begins: qsort(3) may allocate. */
static void sort(struct pp_network_range *ranges, size_t count)
{
	for (size_t root = count / 2; root-- > 0;)
		sink(ranges, root, count);
	while (count-- > 1) {
		struct pp_network_range last = ranges[count];

		ranges[count] = ranges[0];
		ranges[0] = last;
		sink(ranges, 0, count);
	}
}

/* Does a range that begins no earlier overlap this one, or follow at once? */
static bool touches(const struct pp_network_range *range,
		    const struct pp_network_range *next)
{
	struct pp_network_key following = after(range->last);

	/* behind the last address of all nothing begins */
	return compare(&next->first, &range->last) <= 0 ||
	       compare(&next->first, &following) == 0;
}

static void merge(struct pp_networks *networks)
{
	struct pp_network_range *range = networks->ranges;

	for (size_t i = 1; i < networks->count; i++) {
		const struct pp_network_range *next = &networks->ranges[i];

		if (!touches(range, next))
			*++range = *next;
		else if (compare(&next->last, &range->last) > 0)
			range->last = next->last;
	}
	networks->count = (size_t)(range - networks->ranges) + 1;
}

/* Memory for that many words; each may become two ranges. */
static bool map(struct pp_networks *networks, size_t words)
{
	size_t size = 2 * words * sizeof(*networks->ranges);
	void *memory = pp_memory_map(size);

	if (memory == NULL)
		return false;
	networks->ranges = memory;
	networks->count = 0;
	networks->mapped = size;
	return true;
}

const char *pp_networks_parse(const char *text, struct pp_networks *networks)
{
	struct pp_networks read = { NULL, 0, 0 };
	size_t words = pp_word_count(text);
	struct pp_network_range range;
	const char *rest = text;
	struct pp_word word;

	if (words == 1 && pp_word_next(&rest, &word) &&
	    pp_word_is(&word, PP_NETWORKS_EVERYONE)) {
		*networks = read;
		return NULL;
	}
	if (words == 0 || !map(&read, words))
		return text;
	for (rest = text; pp_word_next(&rest, &word); add(&read, range)) {
		if (parse_network(&word, &range))
			continue;
		pp_networks_free(&read);
		return word.start;
	}
	PP_CHECK(read.count * sizeof(range) <= read.mapped);
	sort(read.ranges, read.count);
	merge(&read);
	*networks = read;
	return NULL;
}

void pp_networks_free(struct pp_networks *networks)
{
	if (networks->ranges != NULL)
		munmap(networks->ranges, networks->mapped);
	memset(networks, 0, sizeof(*networks));
}

static bool search(const struct pp_networks *networks,
		   struct pp_network_key key)
{
	size_t low = 0, high = networks->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct pp_network_range *range =
			&networks->ranges[middle];

		if (compare(&key, &range->first) < 0)
			high = middle;
		else if (compare(&key, &range->last) > 0)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

bool pp_networks_have(const struct pp_networks *networks,
		      const union pp_address *address)
{
	if (networks->ranges == NULL)
		return true;
	switch (address->sa.sa_family) {
	case AF_INET:
		return search(networks, key_of_ipv4(&address->in.sin_addr));
	case AF_INET6:
		return search(networks, key_of_ipv6(&address->in6.sin6_addr));
	default:
		return false;
	}
}
