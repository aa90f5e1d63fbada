/* What a packed line and a packed field cost beside their text; shared by ticket.c and its packer.
 */
#pragma once

enum {
	TICKET_LINE_HEAD = 12, /* three lengths */
	TICKET_FIELD_HEAD = 8, /* two lengths */
};
