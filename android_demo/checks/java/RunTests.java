import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Timer;
import java.util.TimerTask;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.RunWith;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/**
 * Runs every JUnit 4 class named *Test below a folder of class files, or those named, and says how each test went.
 * A test that hangs, as a screen does that never comes to rest, ends the run and shows where it is.
 */
public final class RunTests extends RunListener {
    private static final long HANGS_MS = 300_000;
    private final Timer timer = new Timer(true);
    private TimerTask alarm;
    private int passed, failed, skipped;
    private long began;
    private boolean hasFailed;

    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]);
        List<String> wanted = List.of(args).subList(1, args.length);
        List<Class<?>> tests = new ArrayList<>();
        try (var files = Files.walk(folder)) {
            for (Path file : (Iterable<Path>) files.filter(f -> f.toString().endsWith("Test.class")).sorted()::iterator) {
                String name = folder.relativize(file).toString().replaceAll("\\.class$", "").replace('/', '.');
                Class<?> test = Class.forName(name, false, RunTests.class.getClassLoader());
                if (wanted.isEmpty() || wanted.contains(test.getSimpleName())) tests.add(test);
            }
        }
        // Robolectric's first: in plain tests Kotlin asks Android for its version, which fails there and then for good.
        tests.sort(Comparator.comparing(test -> !test.isAnnotationPresent(RunWith.class)));
        RunTests said = new RunTests();
        JUnitCore core = new JUnitCore();
        core.addListener(said);
        for (Class<?> test : tests) core.run(test);
        System.out.printf("%d passed, %d failed, %d skipped%n", said.passed, said.failed, said.skipped);
        System.exit(said.failed == 0 && said.passed > 0 ? 0 : 1);
    }

    @Override public void testStarted(Description test) {
        began = System.nanoTime();
        hasFailed = false;
        alarm = new TimerTask() {
            @Override public void run() {
                System.out.printf("HANGS %s%n", test.getDisplayName());
                Thread.getAllStackTraces().forEach((thread, stack) -> {
                    if (thread.getState() == Thread.State.RUNNABLE) show(thread, stack);
                });
                System.exit(1);
            }
        };
        timer.schedule(alarm, HANGS_MS);
    }

    @Override public void testFailure(Failure failure) {
        failed++;
        hasFailed = true;
        System.out.printf("FAILED %s%n%s%n", failure.getTestHeader(), failure.getTrimmedTrace());
    }

    @Override public void testAssumptionFailure(Failure failure) {
        skipped++;
        hasFailed = true;
        System.out.printf("skipped %s: %s%n", failure.getTestHeader(), failure.getMessage());
    }

    @Override public void testIgnored(Description test) {
        skipped++;
        System.out.printf("skipped %s%n", test.getDisplayName());
    }

    private static void show(Thread thread, StackTraceElement[] stack) {
        System.out.println(thread.getName());
        for (StackTraceElement element : stack) System.out.println("    at " + element);
    }

    @Override public void testFinished(Description test) {
        alarm.cancel();
        if (hasFailed) return;
        passed++;
        System.out.printf("passed %s, %.1f s%n", test.getDisplayName(), (System.nanoTime() - began) / 1e9);
    }
}
