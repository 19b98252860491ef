import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.IntBinaryOperator;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;

/** Whatever Desugar has to rewrite, in a program whose output tells whether it still does the same. */
public final class DesugarSample {
    private int secret = 3;

    private DesugarSample() {}

    private String hidden(String word) {
        return word + secret;
    }

    private static String hiddenStatic(long number) {
        return "n" + number;
    }

    /** Uses private members of the class around it, and has some of its own. */
    private static final class Neighbour {
        private final DesugarSample sample = new DesugarSample();
        private double own = 0.5;

        private String look() {
            sample.secret += 4;
            return sample.hidden("look") + hiddenStatic(sample.secret);
        }
    }

    private interface Greeting {
        private String name(String prefix) {
            return prefix + getClass().isInterface();
        }

        default Supplier<String> greet(String word) {
            return () -> name(word) + text();
        }

        String text();
    }

    private interface Narrow extends Function<String, Integer> {
        @Override Integer apply(String text);
    }

    private static <T extends Function<String, Integer> & Serializable & Cloneable> T both(T function) {
        return function;
    }

    public static void main(String[] args) {
        boolean yes = args.length == 0;
        byte b = -7;
        char c = 'ö';
        short s = 300;
        int i = -70000;
        long l = 1L << 40;
        float f = 0.25f;
        double d = -1e300;
        String none = null;
        char[] letters = null;
        System.out.println("all " + yes + b + c + s + i + l + f + d + none + letters + List.of(1, 2) + "\u0001\u0002%");
        Supplier<String> captured = () -> "captured " + yes + b + c + s + i + l + f + d + none;
        System.out.println(captured.get());

        Supplier<Supplier<Object>> nothing = () -> () -> "same";
        System.out.println(nothing.get() == nothing.get());

        DesugarSample sample = new DesugarSample();
        Function<String, String> bound = sample::hidden;
        BiFunction<DesugarSample, String, String> unbound = DesugarSample::hidden;
        Function<Integer, String> widened = DesugarSample::hiddenStatic;
        Supplier<DesugarSample> made = DesugarSample::new;
        IntFunction<int[]> array = int[]::new;
        ToLongFunction<Integer> unboxed = Integer::intValue;
        IntBinaryOperator dropped = Math::max;
        Runnable ignoring = made::get;
        ignoring.run();
        System.out.println(bound.apply("bound") + unbound.apply(sample, "unbound") + widened.apply(9));
        System.out.println(made.get().secret + array.apply(5).length + unboxed.applyAsLong(8) + dropped.applyAsInt(2, 1));

        Narrow narrow = String::length;
        Function<String, Integer> general = narrow;
        Function<String, Integer> marked = both(String::length);
        System.out.println(general.apply("four") + narrow.apply("three") + marked.apply("12345"));
        System.out.println((marked instanceof Serializable) + " " + (marked instanceof Cloneable));

        Neighbour neighbour = new Neighbour();
        System.out.println(neighbour.look() + neighbour.own);
        Greeting greeting = () -> "!";
        System.out.println(greeting.greet("hello").get());

        Map<String, Integer> counts = new TreeMap<>();
        for (String word : "a b a c a".split(" ")) counts.merge(word, 1, Integer::sum);
        System.out.println(counts);
    }
}
