// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

#include "actors/message_templates.hpp"

COPPICE_FOR_EACH_MESSAGE(COPPICE_INSTANTIATE_MESSAGE, );
