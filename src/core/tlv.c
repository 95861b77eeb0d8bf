/* SPDX-License-Identifier: ISC */
/* Walking type-length-value vectors; see tlv.h. */
#include <config.h>

#include "tlv.h"

enum pp_tlv_result pp_tlv_next(const uint8_t *bytes, size_t size,
			       size_t *offset, struct pp_tlv *tlv)
{
	size_t left = size - *offset;
	const uint8_t *at = bytes + *offset;

	if (left == 0)
		return PP_TLV_END;
	if (left < 3)
		return PP_TLV_OVERRUN;
	tlv->type = at[0];
	tlv->length = (size_t)(at[1] << 8 | at[2]);
	tlv->value = at + 3;
	if (tlv->length > left - 3)
		return PP_TLV_OVERRUN;
	*offset += 3 + tlv->length;
	return PP_TLV_FOUND;
}
