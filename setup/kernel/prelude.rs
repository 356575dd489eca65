use facade as common;
facade::lab::kernel::start();
