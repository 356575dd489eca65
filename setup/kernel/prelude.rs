use facade as common;
