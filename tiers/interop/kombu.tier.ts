import '../../test-helpers/watchdog.ts';
import { pythonPeer } from './python.ts';
import { interopSuite } from './suite.ts';

interopSuite(pythonPeer('kombu', 'kombu'));
