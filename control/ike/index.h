/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE SAs by the id of their session: what operators name, and list page by page. A session's place depends
 * on its id alone, so that a listing neither misses nor repeats one that is rekeyed meanwhile. Core thread
 * only.
 */
#ifndef RG_IKE_INDEX_H
#define RG_IKE_INDEX_H

#include "control/ike/ike_sa.h"

#define INDEX_BUCKETS  65536u
#define INDEX_TOGETHER 8u /* ids that follow each other share a bucket */

/* 0 or -ENOMEM. */
int index_init(struct ike_manager *m);
void index_fini(struct ike_manager *m);

/* The only writers of sa->session. */
void index_insert(struct ike_sa *sa, uint64_t session);
void index_rename(struct ike_sa *sa, uint64_t session);
void index_remove(struct ike_sa *sa);

#endif
